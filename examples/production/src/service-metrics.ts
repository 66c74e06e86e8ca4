/** Requests to /checkout by status code. */
export type RequestCounts = Map<number, number>;

const startedAtSeconds = Date.now() / 1000 - process.uptime();

/** Prometheus text format 0.0.4. */
export function renderServiceMetrics(counts: RequestCounts, revision: string): string {
  const requests = [...counts].sort(([a], [b]) => a - b);
  return [
    '# HELP http_requests_total Requests answered, by status code.',
    '# TYPE http_requests_total counter',
    ...requests.map(
      ([code, count]) => `http_requests_total{service="checkout",path="/checkout",code="${code}"} ${count}`,
    ),
    '# HELP checkout_up 1 while the process serves.',
    '# TYPE checkout_up gauge',
    'checkout_up 1',
    '# HELP checkout_build_info The revision that is deployed, as a label.',
    '# TYPE checkout_build_info gauge',
    `checkout_build_info{revision="${revision}"} 1`,
    '# HELP process_start_time_seconds Start of the process since the Unix epoch.',
    '# TYPE process_start_time_seconds gauge',
    `process_start_time_seconds ${startedAtSeconds.toFixed(3)}`,
    '',
  ].join('\n');
}

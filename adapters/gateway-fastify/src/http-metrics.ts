import { Counter, Histogram, type Registry } from 'prom-client';

export interface HttpMetrics {
  observe(route: string, method: string, status: number, durationMs: number): void;
  text(): Promise<string>;
}

/** Requests and their durations, by route template; the registry may hold other metrics as well. */
export function createHttpMetrics(registry: Registry): HttpMetrics {
  const labelNames = ['route', 'method', 'status'] as const;
  const requests = new Counter({
    name: 'carapulse_http_requests_total',
    help: 'HTTP requests answered.',
    labelNames,
    registers: [registry],
  });
  const durations = new Histogram({
    name: 'carapulse_http_request_duration_seconds',
    help: 'Time from the request to the end of its answer.',
    labelNames: ['route', 'method'] as const,
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
    registers: [registry],
  });
  return {
    observe: (route, method, status, durationMs) => {
      requests.inc({ route, method, status: String(status) });
      durations.observe({ route, method }, durationMs / 1000);
    },
    text: () => registry.metrics(),
  };
}

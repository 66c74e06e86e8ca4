import { z } from 'zod';
import type { PlanTemplateSource } from '../plan-template.ts';

/** A bound that a metric must keep once the deployment is over. */
export const MetricInput = z
  .strictObject({
    instance: z
      .string()
      .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'an instance of connectors.prometheus')
      .describe('The Prometheus as connectors.prometheus names it'),
    expression: z
      .string()
      .min(1)
      .max(2000)
      .regex(/^[^\p{Cc}#]*$/u, 'PromQL on one line, without a comment')
      .describe('PromQL that gives a value at each instant; of several series the worst one counts'),
    statistic: z.enum(['mean', 'p95', 'max']).describe('What is taken of the values of the window'),
    window_seconds: z.int().min(10).max(600).default(60).describe('How long after the sync it is watched'),
    comparator: z
      .enum(['lt', 'lte', 'gt', 'gte'])
      .describe('How the statistic must compare with the threshold'),
    threshold: z.number().describe('The bound'),
  })
  .describe('Must hold over a window after the sync, or everything is taken back');
export type MetricInput = z.infer<typeof MetricInput>;

const OVER = {
  mean: (range: string) => `avg_over_time(${range})`,
  p95: (range: string) => `quantile_over_time(0.95, ${range})`,
  max: (range: string) => `max_over_time(${range})`,
} as const;

/**
 * The metric, sampled until a whole window has passed in which it held. The last sample's window then lies after the
 * first, so nothing of before the deployment counts.
 */
export function metricCheck(metric: MetricInput): NonNullable<PlanTemplateSource['checks']>[number] {
  const { instance, expression, statistic, window_seconds: window, comparator, threshold } = metric;
  const interval = intervalOf(metric);
  const worst = comparator === 'lt' || comparator === 'lte' ? 'max' : 'min';
  const range = `(${expression})[${window}s:${Math.max(1, Math.floor(window / 20))}s]`;
  return {
    id: 'metric-holds',
    title: 'The metric holds over a whole window after the sync',
    call: {
      tool: 'prometheus',
      action: 'query',
      input: { instance, query: `${worst}(${OVER[statistic](range)})` },
    },
    expect: [{ pointer: '/samples/0/value', op: comparator, value: threshold }],
    samples: {
      required: Math.ceil(window / interval) + 1,
      interval: `${interval}s`,
      within: `${metricSeconds(metric)}s`,
    },
  };
}

/** How long the check may take. */
export function metricSeconds(metric: MetricInput | undefined): number {
  return metric === undefined ? 0 : 2 * metric.window_seconds + 60;
}

function intervalOf({ window_seconds }: MetricInput): number {
  return Math.max(1, Math.ceil(window_seconds / 20));
}

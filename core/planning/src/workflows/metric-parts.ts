import { InstanceName, lookbackMs, STATISTICS } from '@carapulse/tools';
import { z } from 'zod';
import type { PlanTemplateSource } from '../plan-template.ts';

const LONGEST_SECONDS = 1200;

/** A metric that must be right over a window after a change, by a bound, by what it was before, or by both. */
export const MetricInput = z
  .strictObject({
    instance: InstanceName.describe('The Prometheus as connectors.prometheus names it'),
    query: z
      .string()
      .min(1)
      .max(2000)
      .regex(/^[^\p{Cc}]*$/u, 'PromQL on one line')
      .refine((text) => lookbackMs(text) !== null, 'PromQL without `offset`, `@` and comments')
      .describe('PromQL that gives one series'),
    statistic: z.enum(STATISTICS).describe('What is taken of the values of a window'),
    window_seconds: z.int().min(5).max(600).default(60).describe('How long a window is'),
    min_samples: z
      .int()
      .min(1)
      .max(60)
      .default(3)
      .describe('Fewer values in a window say nothing; what was scraped once counts once'),
    op: z.enum(['lt', 'lte', 'gt', 'gte']).describe('How the statistic must compare'),
    value: z.number().optional().describe('With this number'),
    before: z
      .strictObject({
        factor: z.number().min(0).max(1000).default(1).describe('So many times what it was'),
        plus: z.number().min(-1e12).max(1e12).default(0).describe('And so much more'),
      })
      .optional()
      .describe('With what the same statistic was over a window that ended before the first write'),
  })
  .refine(({ value, before }) => value !== undefined || before !== undefined, {
    error: 'say value, before, or both',
    path: ['value'],
  })
  .refine(({ query, window_seconds: window }) => 2 * window + lookbackSeconds(query) <= LONGEST_SECONDS, {
    error: `two windows and the ranges in the query are at most ${LONGEST_SECONDS}s`,
    path: ['window_seconds'],
  })
  .describe('Must hold over a window after the change, or all is undone');
export type MetricInput = z.infer<typeof MetricInput>;

type Step = PlanTemplateSource['steps'][number];

/** What a metric adds to a plan. */
export interface MetricParts {
  readonly reads: NonNullable<PlanTemplateSource['reads']>;
  readonly conditions: NonNullable<PlanTemplateSource['conditions']>;
  /** Comes before every write. */
  readonly before: readonly Step[];
  /** Comes after the change has been verified; its check is the comparison. */
  readonly after: readonly Step[];
  /** How long all of it may take. */
  readonly seconds: number;
}

/**
 * The metric before and after a change. The window of before is read once, as a step that every write waits for. That
 * of after begins no sooner than the step after which it comes was verified: its check takes nothing older.
 * @param after the step by which the change is done and seen done.
 */
export function metricParts(metric: MetricInput | undefined, after: string): MetricParts {
  if (metric === undefined) return { reads: [], conditions: [], before: [], after: [], seconds: 0 };
  const { window_seconds: window, op, value, before } = metric;
  const within = 2 * window + lookbackSeconds(metric.query) + 30;
  const check: NonNullable<Step['verify']>[number] = {
    id: 'metric-holds',
    title: `The ${metric.statistic} of the metric holds over a whole window after the change`,
    call: callOf(metric, false),
    expect: [
      ...(value === undefined ? [] : [{ pointer: '/value', op, value }]),
      ...(before === undefined
        ? []
        : [{ pointer: '/value', op, relative: { from_step: BEFORE, from_pointer: '/value', ...before } }]),
    ],
    samples: { required: 1, interval: `${Math.ceil(window / 20)}s`, within: `${within}s` },
  };
  const last: Step = {
    id: 'metric-after',
    title: 'Read the metric as the change ends, and wait for a window after it',
    depends_on: [after],
    call: callOf(metric, false),
    verify: [check],
  };
  if (before === undefined)
    return { reads: [], conditions: [], before: [], after: [last], seconds: within + 60 };
  return {
    // Who asks for the plan is told at once that there is nothing to compare with.
    reads: [{ id: 'metric', call: callOf(metric, false) }],
    conditions: [
      {
        of: { $ref: 'reads.metric/because' },
        op: 'eq',
        value: '',
        otherwise: 'the metric has no value to compare with',
        detail: { $ref: 'reads.metric/because' },
      },
    ],
    before: [{ id: BEFORE, title: 'Read the metric before anything is written', call: callOf(metric, true) }],
    after: [last],
    seconds: within + 120,
  };
}

const BEFORE = 'metric-before';

function callOf({ instance, query, statistic, window_seconds, min_samples }: MetricInput, required: boolean) {
  const input = { instance, query, statistic, window_seconds, min_samples, required };
  return { tool: 'prometheus', action: 'window', input };
}

function lookbackSeconds(query: string): number {
  return Math.ceil((lookbackMs(query) ?? 0) / 1000);
}

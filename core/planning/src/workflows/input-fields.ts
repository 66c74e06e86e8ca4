import { ClusterName, DnsLabel, InstanceName } from '@carapulse/tools';
import { z } from 'zod';
import { DurationMs } from '../duration.ts';
import type { PlanTemplateSource } from '../plan-template.ts';

/** A service as `context.services` names it. */
export const ServiceName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,252}$/, 'the name of a service')
  .describe('The service it is for, as context.services names it: who depends on it is then known');

export const Cluster = ClusterName.describe('The cluster as connectors.kubectl.clusters names it');
export const Namespace = DnsLabel.describe('The namespace');

/** A question to Prometheus whose one value must be on the right side of a number. */
export const MetricCheck = z
  .strictObject({
    instance: InstanceName.describe('The instance as connectors.prometheus names it'),
    query: z.string().min(1).max(10_000).describe('PromQL that gives exactly one series'),
    op: z.enum(['lt', 'lte', 'gt', 'gte']).describe('How its value must compare'),
    value: z.number().describe('With what it is compared'),
    samples: z.int().min(1).max(20).default(3).describe('How many samples in a row must be right'),
    within: DurationMs.refine((ms) => ms <= 600_000, 'at most 10m')
      .prefault('2m')
      .describe('How long it may take, e.g. 2m'),
  })
  .describe('A metric that must be right afterwards, or all is undone');
export type MetricCheck = z.infer<typeof MetricCheck>;

/** The check that asks it. */
export function metricCheckOf(metric: MetricCheck): NonNullable<PlanTemplateSource['checks']>[number] {
  const { instance, query, op, value, samples, within } = metric;
  return {
    id: 'metric',
    title: 'The metric is as it should be',
    call: { tool: 'prometheus', action: 'query', input: { instance, query } },
    expect: [
      { pointer: '/samples/0/value', op, value },
      // One series alone: of several nobody could say which one is meant.
      { pointer: '/samples/1', op: 'exists', value: false },
    ],
    samples: { required: samples, interval: '5s', within: `${within}ms` },
  };
}

import { ObjectName } from '@carapulse/tools';
import { z } from 'zod';
import { DurationMs } from '../duration.ts';
import type { PlanTemplateSource } from '../plan-template.ts';
import { defineWorkflow } from '../workflow.ts';
import { Cluster, Namespace, ServiceName } from './input-fields.ts';
import { MetricInput, metricParts } from './metric-parts.ts';

const ReadyWithin = DurationMs.refine((ms) => ms >= 1000 && ms <= 600_000, 'from 1s to 10m');

const Input = z.strictObject({
  cluster: Cluster,
  namespace: Namespace,
  kind: z.enum(['deployment', 'statefulset']).describe('What kind of workload it is'),
  name: ObjectName.describe('The name of the workload'),
  replicas: z.int().min(0).max(10_000).describe('How many replicas there are to be'),
  service: ServiceName.optional(),
  ready_within: ReadyWithin.optional().describe(
    'How long pods may take to become ready, e.g. 2m; else the progress deadline of the workload, at most 10m',
  ),
  nodes_may_be_added: z
    .boolean()
    .default(false)
    .describe('Whether nodes are added when they are full; otherwise full nodes mean no plan'),
  metric: MetricInput.optional(),
});
type Input = z.infer<typeof Input>;

/** A rollout is looked at so often; two looks in a row must agree. */
const LOOKS = { required: 2, interval: '1s' } as const;
/** What is left of the longest run beside waiting for pods, there and back, and for the metric. */
const SLACK_MS = 300_000;
const LONGEST_MS = 1_800_000;

/** Sets the number of replicas; puts the old one back when the pods do not become ready or a metric goes wrong. */
export const scaleService = defineWorkflow({
  name: 'scale-service',
  title: 'Sets the replicas of a Deployment or StatefulSet; undone when they do not become ready',
  version: 2,
  input: Input,
  about: ({ service, cluster, namespace }) => ({ service: service ?? null, cluster_id: cluster, namespace }),
  draft,
});

function draft(input: Input): PlanTemplateSource {
  const { cluster, namespace, kind, name, replicas, ready_within: within } = input;
  const metric = metricParts(input.metric, 'scale');
  const workload = { cluster, namespace, kind, name };
  const samples = {
    ...LOOKS,
    within: within === undefined ? { $ref: 'reads.preview/ready_within_ms' } : `${within}ms`,
  };
  const longest = within === undefined ? LONGEST_MS : 2 * within + metric.seconds * 1000 + SLACK_MS;
  return {
    summary: 'Scale {kind} {namespace}/{name} to {replicas} replicas',
    parameters: { cluster, namespace, kind, name, replicas },
    reads: [
      { id: 'preview', call: { tool: 'kubectl', action: 'scale_preview', input: { ...workload, replicas } } },
      { id: 'before', call: { tool: 'kubectl', action: 'rollout_status', input: workload } },
      ...metric.reads,
    ],
    conditions: [...conditionsOf(input), ...metric.conditions],
    steps: [
      ...metric.before,
      {
        id: 'scale',
        title: 'Scale {kind} {namespace}/{name} to {replicas}',
        depends_on: metric.before.map(({ id }) => id),
        call: { tool: 'kubectl', action: 'scale', input: { $ref: 'reads.preview/forward' } },
        preview: { diff: { $ref: 'reads.preview/diff' } },
        verify: [
          {
            id: 'rolled-out',
            title: 'All {replicas} pods are there, ready, and no other',
            call: { tool: 'kubectl', action: 'rollout_status', input: workload },
            expect: [
              { pointer: '/uid', op: 'eq', value: { $ref: 'reads.preview/uid' } },
              { pointer: '/replicas/desired', op: 'eq', value: { $ref: 'parameters.replicas' } },
              { pointer: '/replicas/current', op: 'eq', value: { $ref: 'parameters.replicas' } },
              { pointer: '/complete', op: 'eq', value: true },
            ],
            samples,
          },
        ],
        rollback: {
          call: { tool: 'kubectl', action: 'scale', input: { $ref: 'reads.preview/undo' } },
          verify: [
            {
              id: 'as-before',
              title: 'As many pods as before, and as many of them available',
              call: { tool: 'kubectl', action: 'rollout_status', input: workload },
              expect: [
                { pointer: '/uid', op: 'eq', value: { $ref: 'reads.preview/uid' } },
                { pointer: '/replicas/desired', op: 'eq', value: { $ref: 'reads.preview/current' } },
                { pointer: '/replicas/current', op: 'eq', value: { $ref: 'reads.before/replicas/current' } },
                {
                  pointer: '/replicas/available',
                  op: 'gte',
                  value: { $ref: 'reads.before/replicas/available' },
                },
              ],
              samples,
            },
          ],
        },
      },
      ...metric.after,
    ],
    max_run: `${Math.min(longest, LONGEST_MS)}ms`,
  };
}

function conditionsOf({ nodes_may_be_added }: Input): NonNullable<PlanTemplateSource['conditions']> {
  return [
    {
      of: { $ref: 'reads.preview/kind' },
      op: 'eq',
      value: 'scalable',
      otherwise: 'it cannot be scaled so',
      detail: { $ref: 'reads.preview/detail' },
    },
    {
      of: { $ref: 'reads.before/replicas/current' },
      op: 'eq',
      value: { $ref: 'reads.preview/current' },
      otherwise: 'a rollout or a scaling is under way: there are more or fewer pods than replicas wanted',
    },
    {
      of: { $ref: 'reads.before/failed' },
      op: 'eq',
      value: false,
      otherwise: 'its rollout has failed; new pods would fail as well',
    },
    {
      of: { $ref: 'reads.before/paused' },
      op: 'eq',
      value: false,
      otherwise: 'its rollout is paused',
    },
    ...(nodes_may_be_added
      ? []
      : [
          {
            of: { $ref: 'reads.preview/nodes_full' },
            op: 'eq' as const,
            value: false,
            otherwise: 'the nodes have no room for the added pods; nodes_may_be_added says that they get it',
          },
        ]),
  ];
}

import { z } from 'zod';
import { objectTarget } from '../../kubernetes/kubernetes-kinds.ts';
import { ObjectName } from '../../kubernetes/kubernetes-names.ts';
import { clusterRead, place } from './cluster-action.ts';
import { managersOf, ownedMessage } from './field-owner.ts';
import { NodeHeadroom, nodeHeadroom, QuotaHeadroom, quotaHeadroom } from './headroom.ts';
import { Budget } from './object-view.ts';
import { Workload } from './object-shapes.ts';
import { readAll, readObject } from './read-objects.ts';
import { autoscalerOf, Replicas, replicasOf, replicasOwner, ScalableKind, ScaleInput } from './scale.ts';
import { selects } from './selects.ts';

const Input = z.strictObject({ ...place, kind: ScalableKind, name: ObjectName, replicas: Replicas });
type Input = z.infer<typeof Input>;

const base = {
  cluster: z.string(),
  namespace: z.string(),
  workload: ScalableKind,
  name: z.string(),
  uid: z.string(),
  current: z.int(),
  wanted: z.int(),
  /** Field managers that have `spec.replicas`, ours left out. */
  managers: z.array(z.string()),
  autoscaler: z.strictObject({ name: z.string(), min: z.int(), max: z.int() }).nullable(),
  budgets: z.array(
    z.strictObject({
      name: z.string(),
      disruptions_allowed: z.int(),
      desired_healthy: z.int(),
      /** Pods that it wants available, where it says so as a number; a share of all is met at any size. */
      min_available: z.int().nullable(),
    }),
  ),
  quotas: z.array(QuotaHeadroom),
  nodes: NodeHeadroom,
  /** True: the nodes are known, and have no room for what is added. */
  nodes_full: z.boolean(),
  /** How long added pods may take: the progress deadline of the workload, at most ten minutes. */
  ready_within_ms: z.int(),
  /** What would change, for people. */
  diff: z.string(),
};

const TEN_MINUTES_S = 600;

const Refusal = z.enum(['no_change', 'field_owned', 'quota_exceeded', 'budget_needs_more']);

export const ScalePreview = z.discriminatedUnion('kind', [
  z.strictObject({
    ...base,
    kind: z.literal('scalable'),
    /** Inputs of `scale`: the repair and its exact undo. */
    forward: ScaleInput,
    undo: ScaleInput,
  }),
  z.strictObject({
    ...base,
    kind: z.literal('refused'),
    reason: Refusal,
    detail: z.string(),
  }),
]);
export type ScalePreview = z.infer<typeof ScalePreview>;

/** What a scaling needs and what stands against it, with the inputs of `scale` and of its undo. */
export const scalePreview = clusterRead<Input, ScalePreview>({
  name: 'scale_preview',
  description:
    'What a scaling would need: autoscalers, budgets, quotas, room on nodes, who owns the replicas',
  input: Input,
  output: ScalePreview,
  effects: ({ cluster, namespace, kind, name }) => [
    { kind: 'read', target: objectTarget(cluster, { kind, namespace, name }) },
  ],
  run: async (input, { api }) => {
    const { cluster, namespace, kind, name, replicas } = input;
    const workload = await readObject(api, { kind, namespace, name }, Workload);
    const current = replicasOf(workload);
    const { template } = workload.spec;
    const added = replicas - current;
    const autoscaler = await autoscalerOf(api, { kind, namespace, name });
    const budgets = await readAll(api, { kind: 'poddisruptionbudget', namespace }, Budget);
    const nodes = await nodeHeadroom(api, template.spec, added);
    const common = {
      cluster,
      namespace,
      workload: kind,
      name,
      uid: workload.metadata.uid,
      current,
      wanted: replicas,
      managers: [...managersOf(workload.metadata, ['f:spec', 'f:replicas'])],
      autoscaler:
        autoscaler === null
          ? null
          : {
              name: autoscaler.metadata.name,
              min: autoscaler.spec.minReplicas,
              max: autoscaler.spec.maxReplicas,
            },
      budgets: budgets
        .filter(({ spec }) => selects(spec.selector, template.metadata.labels))
        .map(({ metadata, spec, status }) => ({
          name: metadata.name,
          disruptions_allowed: status.disruptionsAllowed,
          desired_healthy: status.desiredHealthy,
          min_available: typeof spec.minAvailable === 'number' ? spec.minAvailable : null,
        })),
      quotas: await quotaHeadroom(api, namespace, template.spec, added),
      nodes,
      nodes_full: nodes.kind === 'known' && !nodes.fits,
      ready_within_ms: Math.min(workload.spec.progressDeadlineSeconds ?? TEN_MINUTES_S, TEN_MINUTES_S) * 1000,
      diff: `${kind} ${namespace}/${name}\n-  replicas: ${current}\n+  replicas: ${replicas}\n`,
    };
    const refused = (reason: z.infer<typeof Refusal>, detail: string): ScalePreview => ({
      ...common,
      kind: 'refused',
      reason,
      detail,
    });
    if (added === 0)
      return refused('no_change', `${kind} ${namespace}/${name} has ${current} replicas already.`);
    const owner = await replicasOwner(api, { kind, namespace, name }, workload);
    if (owner !== null) {
      return refused('field_owned', ownedMessage(`${kind} ${namespace}/${name}`, 'spec.replicas', owner));
    }
    const full = common.quotas.find(({ fits }) => !fits);
    if (full !== undefined) {
      const { resource, hard, used, needed } = full;
      return refused(
        'quota_exceeded',
        `Quota ${full.name} allows ${hard} of ${resource}, ${used} are used and ${needed} more are needed.`,
      );
    }
    const short = common.budgets.find(({ min_available: wants }) => wants !== null && replicas < wants);
    if (added < 0 && short !== undefined) {
      return refused(
        'budget_needs_more',
        `PodDisruptionBudget ${short.name} wants ${short.min_available} pods available; ${replicas} are fewer.`,
      );
    }
    const object = { cluster, namespace, kind, name, uid: workload.metadata.uid };
    return {
      ...common,
      kind: 'scalable',
      forward: { ...object, from: current, to: replicas },
      undo: { ...object, from: replicas, to: current },
    };
  },
  commands: ({ namespace, kind, name }) => [
    [`--namespace=${namespace}`, 'get', `${kind}/${name}`, '--output=yaml', '--show-managed-fields'],
    [`--namespace=${namespace}`, 'get', 'horizontalpodautoscaler,poddisruptionbudget,resourcequota'],
    ['describe', 'nodes'],
  ],
});

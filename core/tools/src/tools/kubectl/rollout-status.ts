import { z } from 'zod';
import { objectTarget } from '../../kubernetes/kubernetes-kinds.ts';
import { ObjectName } from '../../kubernetes/kubernetes-names.ts';
import { clusterRead, place } from './cluster-action.ts';
import { conditionsOf, ConditionView } from './object-view.ts';
import { Workload } from './object-shapes.ts';
import { readObject } from './read-objects.ts';

export const WorkloadKind = z.enum(['deployment', 'statefulset', 'daemonset']);
export type WorkloadKind = z.infer<typeof WorkloadKind>;

const REASONS = [
  'complete',
  /** The controller hasn't seen the latest change. */
  'spec_not_observed',
  'deadline_exceeded',
  'pods_not_updated',
  'old_pods_terminating',
  'pods_not_available',
  'pods_not_ready',
  /** The update strategy is not rolling, so there is no rollout to follow. */
  'not_rolling',
] as const;

const Input = z.strictObject({ ...place, kind: WorkloadKind, name: ObjectName });
const Output = z.strictObject({
  cluster: z.string(),
  namespace: z.string(),
  kind: WorkloadKind,
  name: z.string(),
  uid: z.string(),
  generation: z.int(),
  observed_generation: z.int(),
  paused: z.boolean(),
  replicas: z.strictObject({
    desired: z.int(),
    current: z.int(),
    updated: z.int(),
    ready: z.int(),
    available: z.int(),
  }),
  images: z.array(z.string()),
  conditions: z.array(ConditionView),
  complete: z.boolean(),
  /** True: it will not complete by itself. */
  failed: z.boolean(),
  reason: z.enum(REASONS),
});
export type RolloutStatus = z.infer<typeof Output>;
type Reason = RolloutStatus['reason'];

/** How far a rollout is, now; it doesn't wait. */
export const rolloutStatus = clusterRead<z.infer<typeof Input>, RolloutStatus>({
  name: 'rollout_status',
  description: 'Whether the latest rollout of a workload is complete, by the rules of kubectl rollout status',
  input: Input,
  output: Output,
  effects: ({ cluster, ...object }) => [{ kind: 'read', target: objectTarget(cluster, object) }],
  run: async ({ cluster, ...object }, { api }) => ({
    cluster,
    ...object,
    ...statusOf(object.kind, await readObject(api, object, Workload)),
  }),
  commands: ({ namespace, kind, name }) => [
    [`--namespace=${namespace}`, 'rollout', 'status', '--watch=false', `${kind}/${name}`],
  ],
});

/** By polymorphichelpers/rollout_status.go of kubectl 1.34. */
export function statusOf(
  kind: WorkloadKind,
  workload: Workload,
): Omit<RolloutStatus, 'cluster' | 'namespace' | 'kind' | 'name'> {
  const { metadata, spec, status } = workload;
  const reason = reasonOf(kind, workload);
  const daemon = kind === 'daemonset';
  return {
    uid: metadata.uid,
    generation: metadata.generation,
    observed_generation: status.observedGeneration,
    paused: spec.paused,
    replicas: {
      desired: daemon ? status.desiredNumberScheduled : (spec.replicas ?? 1),
      current: daemon ? status.currentNumberScheduled : status.replicas,
      updated: daemon ? status.updatedNumberScheduled : status.updatedReplicas,
      ready: daemon ? status.numberReady : status.readyReplicas,
      available: daemon ? status.numberAvailable : status.availableReplicas,
    },
    images: spec.template.spec.containers.map(({ image }) => image),
    conditions: conditionsOf(status.conditions),
    complete: reason === 'complete',
    failed: reason === 'deadline_exceeded',
    reason,
  };
}

function reasonOf(kind: WorkloadKind, workload: Workload): Reason {
  switch (kind) {
    case 'deployment':
      return deploymentReason(workload);
    case 'daemonset':
      return daemonReason(workload);
    case 'statefulset':
      return statefulReason(workload);
    default:
      return kind satisfies never;
  }
}

function deploymentReason({ metadata, spec, status }: Workload): Reason {
  if (metadata.generation > status.observedGeneration) return 'spec_not_observed';
  const progressing = status.conditions.find(({ type }) => type === 'Progressing');
  if (progressing?.reason === 'ProgressDeadlineExceeded') return 'deadline_exceeded';
  if (spec.replicas !== undefined && status.updatedReplicas < spec.replicas) return 'pods_not_updated';
  if (status.replicas > status.updatedReplicas) return 'old_pods_terminating';
  return status.availableReplicas < status.updatedReplicas ? 'pods_not_available' : 'complete';
}

function daemonReason({ metadata, spec, status }: Workload): Reason {
  if (spec.updateStrategy?.type !== 'RollingUpdate') return 'not_rolling';
  if (metadata.generation > status.observedGeneration) return 'spec_not_observed';
  if (status.updatedNumberScheduled < status.desiredNumberScheduled) return 'pods_not_updated';
  return status.numberAvailable < status.desiredNumberScheduled ? 'pods_not_available' : 'complete';
}

function statefulReason({ metadata, spec, status }: Workload): Reason {
  if (spec.updateStrategy?.type !== 'RollingUpdate') return 'not_rolling';
  if (status.observedGeneration === 0 || metadata.generation > status.observedGeneration) {
    return 'spec_not_observed';
  }
  if (spec.replicas !== undefined && status.readyReplicas < spec.replicas) return 'pods_not_ready';
  const partition = spec.updateStrategy.rollingUpdate?.partition ?? 0;
  if (partition > 0) {
    const wanted = (spec.replicas ?? 1) - partition;
    return status.updatedReplicas < wanted ? 'pods_not_updated' : 'complete';
  }
  return status.updateRevision === status.currentRevision ? 'complete' : 'pods_not_updated';
}

import { z } from 'zod';
import type { KindName } from '../../kubernetes/kubernetes-kinds.ts';
import { AnyObject, Conditions, Pod, Workload } from './object-shapes.ts';
import type { Container, Metadata } from './object-shapes.ts';

const Texts = z.record(z.string(), z.string());
export const ConditionView = z.strictObject({
  type: z.string(),
  status: z.string(),
  reason: z.string(),
  message: z.string(),
  since: z.string().nullable(),
});
export type ConditionView = z.infer<typeof ConditionView>;

const ContainerView = z.strictObject({
  name: z.string(),
  image: z.string(),
  requests: Texts,
  limits: Texts,
});
const ContainerRun = z.strictObject({
  name: z.string(),
  ready: z.boolean(),
  restarts: z.int(),
  /** `running`, or why it is waiting or has ended. */
  state: z.string(),
  last_state: z.string(),
  last_exit_code: z.int().nullable(),
});

/** What an object is about, by its kind; values of ConfigMaps and environments are left out. */
const Facts = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('workload'),
    replicas: z.int(),
    updated: z.int(),
    ready: z.int(),
    available: z.int(),
    paused: z.boolean(),
    containers: z.array(ContainerView),
  }),
  z.strictObject({
    type: z.literal('pod'),
    phase: z.string(),
    reason: z.string(),
    message: z.string(),
    node: z.string(),
    containers: z.array(ContainerView),
    runs: z.array(ContainerRun),
  }),
  z.strictObject({
    type: z.literal('node'),
    unschedulable: z.boolean(),
    taints: z.array(z.string()),
    allocatable: Texts,
    version: z.string(),
  }),
  z.strictObject({
    type: z.literal('autoscaler'),
    target: z.string(),
    min: z.int(),
    max: z.int(),
    current: z.int(),
    desired: z.int(),
  }),
  z.strictObject({
    type: z.literal('disruption_budget'),
    selector: Texts,
    allowed: z.int(),
    healthy: z.int(),
    desired: z.int(),
    expected: z.int(),
  }),
  z.strictObject({ type: z.literal('quota'), hard: Texts, used: Texts }),
  z.strictObject({ type: z.literal('configuration'), keys: z.array(z.string()) }),
  z.strictObject({
    type: z.literal('service'),
    service_type: z.string(),
    selector: Texts,
    ports: z.array(z.string()),
  }),
  z.strictObject({ type: z.literal('other') }),
]);
export type Facts = z.infer<typeof Facts>;

/** One object, trimmed to what people and diagnosis need. */
export const ObjectView = z.strictObject({
  kind: z.string(),
  namespace: z.string().nullable(),
  name: z.string(),
  uid: z.string(),
  resource_version: z.string(),
  generation: z.int(),
  created_at: z.string().nullable(),
  deleting: z.boolean(),
  labels: Texts,
  annotations: Texts,
  owners: z.array(
    z.strictObject({ kind: z.string(), name: z.string(), uid: z.string(), controller: z.boolean() }),
  ),
  conditions: z.array(ConditionView),
  facts: Facts,
});
export type ObjectView = z.infer<typeof ObjectView>;

/** Holds a whole manifest, with all that was left out on purpose. */
export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

export function viewOf(kind: KindName, raw: unknown): ObjectView {
  const object = AnyObject.parse(raw);
  const { metadata } = object;
  return {
    kind,
    namespace: metadata.namespace ?? null,
    name: metadata.name,
    uid: metadata.uid,
    resource_version: metadata.resourceVersion,
    generation: metadata.generation,
    created_at: metadata.creationTimestamp ?? null,
    deleting: isDeleting(metadata),
    labels: metadata.labels,
    annotations: Object.fromEntries(
      Object.entries(metadata.annotations).filter(([name]) => name !== LAST_APPLIED),
    ),
    owners: metadata.ownerReferences.map(({ kind: ownerKind, name, uid, controller }) => ({
      kind: ownerKind,
      name,
      uid,
      controller,
    })),
    conditions: conditionsOf(object.status?.conditions ?? []),
    facts: factsOf(kind, raw),
  };
}

export function conditionsOf(conditions: z.infer<typeof Conditions>): ConditionView[] {
  return conditions.map(({ type, status, reason, message, lastTransitionTime }) => ({
    type,
    status,
    reason,
    message: message.slice(0, 1000),
    since: lastTransitionTime ?? null,
  }));
}

function isDeleting(metadata: Metadata): boolean {
  return (metadata.deletionTimestamp ?? null) !== null;
}

function factsOf(kind: KindName, raw: unknown): Facts {
  switch (kind) {
    case 'deployment':
    case 'statefulset':
    case 'replicaset':
      return workloadFacts(Workload.parse(raw));
    case 'daemonset':
      return daemonFacts(Workload.parse(raw));
    case 'pod':
      return podFacts(Pod.parse(raw));
    case 'node':
      return nodeFacts(raw);
    case 'horizontalpodautoscaler':
      return autoscalerFacts(Autoscaler.parse(raw));
    case 'poddisruptionbudget':
      return budgetFacts(Budget.parse(raw));
    case 'resourcequota':
      return { type: 'quota', ...Quota.parse(raw).status };
    case 'configmap':
      return { type: 'configuration', keys: Object.keys(ConfigMap.parse(raw).data).toSorted() };
    case 'service':
      return serviceFacts(raw);
    default:
      return { type: 'other' };
  }
}

function workloadFacts({ spec, status }: Workload): Facts {
  return {
    type: 'workload',
    replicas: spec.replicas ?? 1,
    updated: status.updatedReplicas,
    ready: status.readyReplicas,
    available: status.availableReplicas,
    paused: spec.paused,
    containers: spec.template.spec.containers.map(containerView),
  };
}

function daemonFacts({ spec, status }: Workload): Facts {
  return {
    type: 'workload',
    replicas: status.desiredNumberScheduled,
    updated: status.updatedNumberScheduled,
    ready: status.numberReady,
    available: status.numberAvailable,
    paused: false,
    containers: spec.template.spec.containers.map(containerView),
  };
}

function podFacts({ spec, status }: Pod): Facts {
  return {
    type: 'pod',
    phase: status.phase,
    reason: status.reason,
    message: status.message.slice(0, 1000),
    node: spec.nodeName,
    containers: spec.containers.map(containerView),
    runs: status.containerStatuses.map(({ name, ready, restartCount, state, lastState }) => ({
      name,
      ready,
      restarts: restartCount,
      state: stateOf(state),
      last_state: stateOf(lastState),
      last_exit_code: lastState.terminated?.exitCode ?? null,
    })),
  };
}

function stateOf(state: Pod['status']['containerStatuses'][number]['state']): string {
  if (state.running !== undefined) return 'running';
  if (state.waiting !== undefined) return state.waiting.reason || 'waiting';
  return state.terminated === undefined ? '' : state.terminated.reason || 'terminated';
}

function containerView({ name, image, resources }: z.infer<typeof Container>): z.infer<typeof ContainerView> {
  return { name, image, requests: resources.requests, limits: resources.limits };
}

export const Node = z.object({
  metadata: AnyObject.shape.metadata,
  spec: z
    .object({
      unschedulable: z.boolean().default(false),
      taints: z
        .array(z.object({ key: z.string(), value: z.string().default(''), effect: z.string() }))
        .default([]),
    })
    .prefault({}),
  status: z
    .object({
      allocatable: Texts.default({}),
      nodeInfo: z.object({ kubeletVersion: z.string().default('') }).prefault({}),
      conditions: Conditions,
    })
    .prefault({}),
});
export type Node = z.infer<typeof Node>;

function nodeFacts(raw: unknown): Facts {
  const { spec, status } = Node.parse(raw);
  return {
    type: 'node',
    unschedulable: spec.unschedulable,
    taints: spec.taints.map(({ key, value, effect }) => `${key}${value === '' ? '' : `=${value}`}:${effect}`),
    allocatable: status.allocatable,
    version: status.nodeInfo.kubeletVersion,
  };
}

export const Autoscaler = z.object({
  metadata: AnyObject.shape.metadata,
  spec: z.object({
    scaleTargetRef: z.object({ apiVersion: z.string().default(''), kind: z.string(), name: z.string() }),
    minReplicas: z.int().default(1),
    maxReplicas: z.int(),
  }),
  status: z.object({ currentReplicas: z.int().default(0), desiredReplicas: z.int().default(0) }).prefault({}),
});

function autoscalerFacts({ spec, status }: z.infer<typeof Autoscaler>): Facts {
  return {
    type: 'autoscaler',
    target: `${spec.scaleTargetRef.kind}/${spec.scaleTargetRef.name}`,
    min: spec.minReplicas,
    max: spec.maxReplicas,
    current: status.currentReplicas,
    desired: status.desiredReplicas,
  };
}

export const Budget = z.object({
  metadata: AnyObject.shape.metadata,
  spec: z.object({ selector: z.unknown(), minAvailable: z.union([z.int(), z.string()]).optional() }),
  status: z
    .object({
      disruptionsAllowed: z.int().default(0),
      currentHealthy: z.int().default(0),
      desiredHealthy: z.int().default(0),
      expectedPods: z.int().default(0),
    })
    .prefault({}),
});

function budgetFacts({ spec, status }: z.infer<typeof Budget>): Facts {
  const selector = z
    .object({ matchLabels: Texts.default({}) })
    .nullish()
    .parse(spec.selector);
  return {
    type: 'disruption_budget',
    selector: selector?.matchLabels ?? {},
    allowed: status.disruptionsAllowed,
    healthy: status.currentHealthy,
    desired: status.desiredHealthy,
    expected: status.expectedPods,
  };
}

export const Quota = z.object({
  metadata: AnyObject.shape.metadata,
  status: z.object({ hard: Texts.default({}), used: Texts.default({}) }).prefault({}),
});
const ConfigMap = z.object({ data: z.record(z.string(), z.unknown()).default({}) });
const Service = z.object({
  spec: z.object({
    type: z.string().default(''),
    selector: Texts.default({}),
    ports: z
      .array(
        z.object({
          port: z.int(),
          protocol: z.string().default('TCP'),
          targetPort: z.union([z.int(), z.string()]).optional(),
        }),
      )
      .default([]),
  }),
});

function serviceFacts(raw: unknown): Facts {
  const { spec } = Service.parse(raw);
  return {
    type: 'service',
    service_type: spec.type,
    selector: spec.selector,
    ports: spec.ports.map(({ port, protocol, targetPort }) => `${port}→${targetPort ?? port}/${protocol}`),
  };
}

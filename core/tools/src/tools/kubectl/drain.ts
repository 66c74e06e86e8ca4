import { AppError } from '@carapulse/kernel';
import { z } from 'zod';
import { refusedWith } from '../../kubernetes/kubernetes-api.ts';
import { objectPath, objectTarget } from '../../kubernetes/kubernetes-kinds.ts';
import type { ObjectRef } from '../../kubernetes/kubernetes-kinds.ts';
import { DnsLabel, ObjectName, ObjectUid } from '../../kubernetes/kubernetes-names.ts';
import { clusterWrite } from './cluster-action.ts';
import type { ClusterCall } from './cluster-action.ts';
import { node, nodeRef, setUnschedulable } from './cordon.ts';
import { Pod } from './object-shapes.ts';
import { readAll } from './read-objects.ts';

const PlannedPod = z.strictObject({ namespace: DnsLabel, name: ObjectName, uid: ObjectUid });
type PlannedPod = z.infer<typeof PlannedPod>;
type Outcome = 'evicted' | 'gone' | 'held';

/** A drain as literals: these very pods and no others, as `drain_preview` lists them. */
export const DrainInput = z.strictObject({ ...node, pods: z.array(PlannedPod).min(1).max(250) });
export type DrainInput = z.infer<typeof DrainInput>;

const Output = z.strictObject({
  cluster: z.string(),
  node: z.string(),
  uid: z.string(),
  /** Evicted now; they end by their own grace period. */
  evicted: z.array(z.string()),
  /** Were gone or ending already. */
  gone: z.array(z.string()),
});

/**
 * Cordons a node and evicts the planned pods. An eviction that a budget forbids for now leaves the others done and
 * fails as `throttled`; the same call goes on later. Undone by `uncordon`; pods don't come back by themselves.
 */
export const drain = clusterWrite<DrainInput, z.infer<typeof Output>>({
  name: 'drain',
  description: 'Cordons a node and evicts its pods as far as disruption budgets allow',
  repeat: 'convergent',
  input: DrainInput,
  output: Output,
  effects: (input) => [
    {
      kind: 'node_drain',
      target: objectTarget(input.cluster, nodeRef(input.node)),
      namespaces: [...new Set(input.pods.map(({ namespace }) => namespace))].toSorted(),
      pods: input.pods.length,
    },
  ],
  run: async (input, call) => {
    await setUnschedulable(call, input, true);
    const { evicted, gone, held } = await evictAll(call, input).catch((error: unknown) => {
      throw withoutClaim(error);
    });
    if (held.length > 0) {
      throw new AppError(
        'tool_failed',
        `Disruption budgets hold ${held.length} pods on ${input.node}: ${held.slice(0, 10).join(', ')}. ` +
          `${evicted.length} were evicted; the same call goes on when others are ready.`,
        { retryable: true, details: { class: 'throttled', reason: 'budget_exhausted', held, evicted } },
      );
    }
    return { cluster: input.cluster, node: input.node, uid: input.uid, evicted, gone };
  },
  commands: (input) => [['drain', '--ignore-daemonsets', input.node]],
  timeoutMs: 300_000,
});

/** What is on the node still, and still the pod that was planned, is evicted; the server compares its uid once more. */
async function evictAll(call: ClusterCall, input: DrainInput): Promise<Record<Outcome, string[]>> {
  const outcomes: Record<Outcome, string[]> = { evicted: [], gone: [], held: [] };
  const fields = `spec.nodeName=${input.node}`;
  const there = await readAll(call.api, { kind: 'pod', namespace: null, fields }, Pod);
  const uids = new Set(
    there
      .filter(({ metadata }) => (metadata.deletionTimestamp ?? null) === null)
      .map(({ metadata }) => metadata.uid),
  );
  for (const pod of input.pods) {
    const outcome = uids.has(pod.uid) ? await evict(call, pod) : 'gone';
    outcomes[outcome].push(`${pod.namespace}/${pod.name}`);
  }
  return outcomes;
}

async function evict(call: ClusterCall, pod: PlannedPod): Promise<Outcome> {
  const object: ObjectRef = { kind: 'pod', namespace: pod.namespace, name: pod.name };
  try {
    await call.api.create(objectPath(object, 'eviction'), {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name: pod.name, namespace: pod.namespace },
      deleteOptions: { preconditions: { uid: pod.uid } },
    });
    return 'evicted';
  } catch (error) {
    switch (refusedWith(error)) {
      case 404:
      case 409:
        return 'gone';
      case 429:
        return 'held';
      default:
        throw error;
    }
  }
}

/** A refusal of one eviction says nothing about those before it. */
function withoutClaim(error: unknown): unknown {
  if (!(error instanceof AppError)) return error;
  const { effect: _, ...details } = error.details;
  return new AppError(error.code, error.message, { cause: error, retryable: error.retryable, details });
}

import { z } from 'zod';
import { objectTarget } from '../../kubernetes/kubernetes-kinds.ts';
import { ClusterName, ObjectName } from '../../kubernetes/kubernetes-names.ts';
import { assertAllNamespaces } from '../../kubernetes/cluster-settings.ts';
import { clusterRead } from './cluster-action.ts';
import { nodeRef } from './cordon.ts';
import { DrainInput } from './drain.ts';
import { Budget, Node } from './object-view.ts';
import { Pod } from './object-shapes.ts';
import type { Metadata } from './object-shapes.ts';
import { readAll, readObject } from './read-objects.ts';
import { selects } from './selects.ts';

const Input = z.strictObject({ cluster: ClusterName, node: ObjectName });
const PodName = z.strictObject({ namespace: z.string(), name: z.string() });
const base = {
  cluster: z.string(),
  node: z.string(),
  uid: z.string(),
  unschedulable: z.boolean(),
  /** Pods that stay: of DaemonSets, of the node itself, and those that are over. */
  staying: z.array(z.strictObject({ ...PodName.shape, why: z.enum(['daemon_set', 'static', 'finished']) })),
  budgets: z.array(z.strictObject({ ...PodName.shape, disruptions_allowed: z.int(), pods_here: z.int() })),
};

export const DrainPreview = z.discriminatedUnion('kind', [
  /** Nothing that could be evicted is left. */
  z.strictObject({ ...base, kind: z.literal('drained') }),
  z.strictObject({ ...base, kind: z.literal('drainable'), forward: DrainInput }),
  z.strictObject({
    ...base,
    kind: z.literal('refused'),
    /** Pods that nothing would make anew, or whose data would be lost. */
    reason: z.enum(['unmanaged_pods', 'local_data', 'too_many_pods']),
    pods: z.array(PodName),
  }),
]);
export type DrainPreview = z.infer<typeof DrainPreview>;

const PodWithVolumes = Pod.extend({
  spec: Pod.shape.spec.extend({
    volumes: z.array(z.object({ emptyDir: z.unknown().optional() })).default([]),
  }),
});
type PodWithVolumes = z.infer<typeof PodWithVolumes>;

/** Which pods a drain would evict and which budgets bound it, by the rules of kubectl drain. */
export const drainPreview = clusterRead<z.infer<typeof Input>, DrainPreview>({
  name: 'drain_preview',
  description: 'Which pods a drain of a node would evict, and what stands against it',
  input: Input,
  output: DrainPreview,
  effects: ({ cluster, node }) => [{ kind: 'read', target: objectTarget(cluster, nodeRef(node)) }],
  run: async ({ cluster, node }, { api, cluster: settings }) => {
    assertAllNamespaces(settings, `A drain of node ${node}`);
    const found = await readObject(api, nodeRef(node), Node);
    const fields = `spec.nodeName=${node}`;
    const pods = await readAll(api, { kind: 'pod', namespace: null, fields }, PodWithVolumes);
    const budgets = await readAll(api, { kind: 'poddisruptionbudget', namespace: null }, Budget);
    const going = pods.filter((pod) => whyStaying(pod) === null);
    const base = {
      cluster,
      node,
      uid: found.metadata.uid,
      unschedulable: found.spec.unschedulable,
      staying: pods.flatMap((pod) => {
        const why = whyStaying(pod);
        return why === null ? [] : [{ ...nameOf(pod.metadata), why }];
      }),
      budgets: budgets.flatMap(({ metadata, spec, status }) => {
        const here = going.filter(
          (pod) =>
            pod.metadata.namespace === metadata.namespace && selects(spec.selector, pod.metadata.labels),
        );
        if (here.length === 0) return [];
        return [
          { ...nameOf(metadata), disruptions_allowed: status.disruptionsAllowed, pods_here: here.length },
        ];
      }),
    };
    const refused = (
      reason: 'unmanaged_pods' | 'local_data' | 'too_many_pods',
      which: readonly PodWithVolumes[],
    ) => ({
      ...base,
      kind: 'refused' as const,
      reason,
      pods: which.map(({ metadata }) => nameOf(metadata)),
    });
    const unmanaged = going.filter(({ metadata }) => controllerOf(metadata) === undefined);
    if (unmanaged.length > 0) return refused('unmanaged_pods', unmanaged);
    const withData = going.filter(({ spec }) => spec.volumes.some(({ emptyDir }) => emptyDir !== undefined));
    if (withData.length > 0) return refused('local_data', withData);
    if (going.length === 0) return { ...base, kind: 'drained' };
    const listed = going.map(({ metadata }) => ({ ...nameOf(metadata), uid: metadata.uid }));
    const forward = DrainInput.safeParse({ cluster, node, uid: found.metadata.uid, pods: listed });
    return forward.success
      ? { ...base, kind: 'drainable', forward: forward.data }
      : refused('too_many_pods', going);
  },
  commands: ({ node }) => [['drain', '--ignore-daemonsets', '--dry-run=server', node]],
});

function whyStaying({ metadata, status }: PodWithVolumes): 'daemon_set' | 'static' | 'finished' | null {
  if (Object.hasOwn(metadata.annotations, 'kubernetes.io/config.mirror')) return 'static';
  if (status.phase === 'Succeeded' || status.phase === 'Failed') return 'finished';
  return controllerOf(metadata)?.kind === 'DaemonSet' ? 'daemon_set' : null;
}

function controllerOf({ ownerReferences }: Metadata): Metadata['ownerReferences'][number] | undefined {
  return ownerReferences.find(({ controller }) => controller);
}

function nameOf({ namespace = '', name }: Metadata): z.infer<typeof PodName> {
  return { namespace, name };
}

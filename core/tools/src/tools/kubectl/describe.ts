import { z } from 'zod';
import { orNull } from '../../kubernetes/kubernetes-api.ts';
import type { KubernetesApi } from '../../kubernetes/kubernetes-api.ts';
import {
  factsOfKind,
  kindOf,
  KindName,
  objectPath,
  objectTarget,
} from '../../kubernetes/kubernetes-kinds.ts';
import type { ObjectRef } from '../../kubernetes/kubernetes-kinds.ts';
import { ClusterName, DnsLabel, ObjectName } from '../../kubernetes/kubernetes-names.ts';
import { clusterRead } from './cluster-action.ts';
import { EventView, latestEvents } from './events.ts';
import { ObjectView, viewOf } from './object-view.ts';
import { AnyObject } from './object-shapes.ts';

const Input = z
  .strictObject({
    cluster: ClusterName,
    /** Obligatory for the kinds that have one. */
    namespace: DnsLabel.optional(),
    kind: KindName,
    name: ObjectName,
  })
  .refine(
    ({ kind, namespace }) => factsOfKind(kind).namespaced === (namespace !== undefined),
    'a namespace where the kind has one, and none where it has not',
  );

const Output = z.strictObject({
  cluster: z.string(),
  object: ObjectView,
  /** What controls it, and what controls that: a pod's ReplicaSet, and its Deployment. */
  controllers: z.array(ObjectView),
  events: z.array(EventView),
});

/** Longest chain of controllers that is followed. */
const LEVELS = 4;
const EVENTS = 50;
/** Events of objects without a namespace lie here. */
const CLUSTER_EVENTS = 'default';

/** One object with what controls it and its latest events. */
export const describe = clusterRead<z.infer<typeof Input>, z.infer<typeof Output>>({
  name: 'describe',
  description: 'One object with its conditions, what controls it, and its latest events',
  input: Input,
  output: Output,
  effects: ({ cluster, kind, namespace = null, name }) => [
    { kind: 'read', target: objectTarget(cluster, { kind, namespace, name }) },
  ],
  run: async ({ cluster, kind, namespace = null, name }, { api }) => {
    const raw = await api.get(objectPath({ kind, namespace, name }));
    const fields = [`involvedObject.kind=${factsOfKind(kind).kind}`, `involvedObject.name=${name}`];
    const { found } = await latestEvents(api, namespace ?? CLUSTER_EVENTS, fields, EVENTS);
    return {
      cluster,
      object: viewOf(kind, raw),
      controllers: await controllersOf(api, raw, namespace),
      events: found,
    };
  },
  commands: ({ namespace, kind, name }) => [
    [...(namespace === undefined ? [] : [`--namespace=${namespace}`]), 'describe', kind, name],
  ],
});

async function controllersOf(
  api: KubernetesApi,
  raw: unknown,
  namespace: string | null,
): Promise<ObjectView[]> {
  const found: ObjectView[] = [];
  for (let at = raw; found.length < LEVELS;) {
    const owner = controllerOf(at, namespace);
    if (owner === null) break;
    const next = await orNull(api.get(objectPath(owner)));
    if (next === null) break;
    found.push(viewOf(owner.kind, next));
    at = next;
  }
  return found;
}

/** Null where nothing controls it, or something of a kind that isn't read. */
function controllerOf(raw: unknown, namespace: string | null): ObjectRef | null {
  const owner = AnyObject.parse(raw).metadata.ownerReferences.find(({ controller }) => controller);
  const kind = owner === undefined ? null : kindOf(owner.apiVersion, owner.kind);
  if (owner === undefined || kind === null || !ObjectName.safeParse(owner.name).success) return null;
  return { kind, namespace: factsOfKind(kind).namespaced ? namespace : null, name: owner.name };
}

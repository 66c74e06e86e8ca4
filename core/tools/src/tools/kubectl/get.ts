import { AppError } from '@carapulse/kernel';
import { z } from 'zod';
import { factsOfKind, KindName, objectPath, objectTarget } from '../../kubernetes/kubernetes-kinds.ts';
import { ClusterName, DnsLabel, LabelSelector, ObjectName } from '../../kubernetes/kubernetes-names.ts';
import { clusterRead } from './cluster-action.ts';
import { ObjectView, viewOf } from './object-view.ts';
import { readSome } from './read-objects.ts';

const Input = z
  .strictObject({
    cluster: ClusterName,
    /** Obligatory for the kinds that have one. */
    namespace: DnsLabel.optional(),
    kind: KindName,
    /** One object; without it, all that the selector picks. */
    name: ObjectName.optional(),
    selector: LabelSelector.optional(),
    limit: z.int().min(1).max(500).default(100),
  })
  .refine(
    ({ kind, namespace }) => factsOfKind(kind).namespaced === (namespace !== undefined),
    'a namespace where the kind has one, and none where it has not',
  )
  .refine(
    ({ name, selector }) => name === undefined || selector === undefined,
    'a name or a selector, not both',
  );

const Output = z.strictObject({
  cluster: z.string(),
  empty: z.boolean(),
  /** True: there are more than `limit`. */
  more: z.boolean(),
  objects: z.array(ObjectView),
});

/** One object, or all of a kind that a selector picks. One that is not there is an empty answer, no error. */
export const get = clusterRead<z.infer<typeof Input>, z.infer<typeof Output>>({
  name: 'get',
  description: 'Objects of a cluster, by name or by label selector',
  input: Input,
  output: Output,
  effects: ({ cluster, kind, namespace = null, name }) => [
    {
      kind: 'read',
      target:
        name === undefined
          ? `kubernetes:${cluster}/${namespace ?? '_'}/${kind}`
          : objectTarget(cluster, { kind, namespace, name }),
    },
  ],
  run: async ({ cluster, kind, namespace = null, name, selector, limit }, { api }) => {
    if (name !== undefined) {
      const found = await readIfThere(() => api.get(objectPath({ kind, namespace, name })));
      const objects = found === null ? [] : [viewOf(kind, found)];
      return { cluster, empty: found === null, more: false, objects };
    }
    const { items, more } = await readSome(api, { kind, namespace, selector }, z.unknown(), limit);
    return { cluster, empty: items.length === 0, more, objects: items.map((item) => viewOf(kind, item)) };
  },
  commands: ({ kind, namespace, name, selector }) => [
    [
      ...(namespace === undefined ? [] : [`--namespace=${namespace}`]),
      'get',
      kind,
      ...(name === undefined ? [] : [name]),
      ...(selector === undefined ? [] : [`--selector=${selector}`]),
      '--output=yaml',
    ],
  ],
});

/** Null for an object that is not there; a path that the server doesn't know is an error. */
async function readIfThere(read: () => Promise<unknown>): Promise<unknown> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof AppError && error.details['status'] === 404 && / not found/.test(error.message))
      return null;
    throw error;
  }
}

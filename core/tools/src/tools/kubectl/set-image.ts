import { z } from 'zod';
import { stale } from '../../before-effect.ts';
import { objectTarget } from '../../kubernetes/kubernetes-kinds.ts';
import type { ObjectRef } from '../../kubernetes/kubernetes-kinds.ts';
import { DnsLabel, ImageReference } from '../../kubernetes/kubernetes-names.ts';
import { clusterWrite, identified } from './cluster-action.ts';
import { assertNotOwned, ownerOf } from './field-owner.ts';
import { observeMarked, readIdentified, writeMarked } from './marked-write.ts';
import type { Workload } from './object-shapes.ts';
import { WorkloadKind } from './rollout-status.ts';

/** A change of one container's image as literals; it holds only while the container runs `from_image`. */
export const SetImageInput = z
  .strictObject({
    ...identified,
    kind: WorkloadKind,
    container: DnsLabel,
    from_image: ImageReference,
    to_image: ImageReference,
  })
  .refine(({ from_image, to_image }) => from_image !== to_image, 'another image than there is');
export type SetImageInput = z.infer<typeof SetImageInput>;

const Output = z.strictObject({
  cluster: z.string(),
  namespace: z.string(),
  kind: WorkloadKind,
  name: z.string(),
  uid: z.string(),
  container: z.string(),
  from_image: z.string(),
  to_image: z.string(),
  /** What `rollout_status` must have observed. */
  generation: z.int(),
});

/** Changes the image of one container; its undo is the same action the other way round. */
export const setImage = clusterWrite<SetImageInput, z.infer<typeof Output>>({
  name: 'set_image',
  description: "Changes the image of one container in a workload's template, which rolls it out",
  repeat: 'observable',
  input: SetImageInput,
  output: Output,
  effects: ({ cluster, namespace, kind, name, to_image }) => [
    {
      kind: 'deploy',
      target: objectTarget(cluster, { kind, namespace, name }),
      namespace,
      images: [to_image],
    },
  ],
  run: async (input, call) => {
    const what = `${input.kind} ${input.namespace}/${input.name}`;
    const written = await writeMarked(call, {
      object: refOf(input),
      uid: input.uid,
      patch: (workload) => {
        const image = imageOf(workload, input.container);
        if (image === undefined)
          throw stale('container_missing', `${what} has no container ${input.container}.`);
        if (image !== input.from_image) {
          throw stale(
            'image_differs',
            `${input.container} of ${what} runs ${image}, not ${input.from_image}.`,
          );
        }
        const key = `k:${JSON.stringify({ name: input.container })}`;
        const path = ['f:spec', 'f:template', 'f:spec', 'f:containers', key, 'f:image'] as const;
        assertNotOwned(what, `The image of ${input.container}`, ownerOf(workload.metadata, path));
        const containers = [{ name: input.container, image: input.to_image }];
        return { type: 'strategic', spec: { template: { spec: { containers } } } };
      },
    });
    return { ...input, generation: written.metadata.generation };
  },
  observe: (input, call) =>
    observeMarked(
      call,
      refOf(input),
      input.uid,
      (found) => imageOf(found, input.container) === input.from_image,
    ),
  readBack: async (input, call) => {
    const { metadata } = await readIdentified(call, refOf(input), input.uid);
    return { ...input, generation: metadata.generation };
  },
  commands: ({ namespace, kind, name, container, to_image }) => [
    [`--namespace=${namespace}`, 'set', 'image', `${kind}/${name}`, `${container}=${to_image}`],
  ],
});

function imageOf({ spec }: Workload, container: string): string | undefined {
  return spec.template.spec.containers.find(({ name }) => name === container)?.image;
}

function refOf({ kind, namespace, name }: SetImageInput): ObjectRef {
  return { kind, namespace, name };
}

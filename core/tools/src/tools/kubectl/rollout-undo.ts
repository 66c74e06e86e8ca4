import { canonicalJson } from '@carapulse/kernel';
import { z } from 'zod';
import { stale } from '../../before-effect.ts';
import { objectTarget } from '../../kubernetes/kubernetes-kinds.ts';
import { ImageReference } from '../../kubernetes/kubernetes-names.ts';
import { clusterWrite, identified } from './cluster-action.ts';
import type { ClusterCall } from './cluster-action.ts';
import { assertNotOwned, ownerOf } from './field-owner.ts';
import { observeMarked, readIdentified, writeMarked } from './marked-write.ts';
import type { Metadata } from './object-shapes.ts';
import { digestOf, imagesOf, revisionOf, revisionsOf } from './rollout-history.ts';
import type { RevisionFound } from './rollout-history.ts';

const Revision = z.int().min(1).max(999_999_999);

/** A way back as literals: from which revision, to which, and what that one is. */
export const RolloutUndoInput = z
  .strictObject({
    ...identified,
    kind: z.literal('deployment'),
    from_revision: Revision,
    to_revision: Revision,
    /** As `rollout_history` gives them for `to_revision`. */
    template_digest: z.string().regex(/^sha256:[0-9a-f]{64}$/, 'a digest of rollout_history'),
    images: z.array(ImageReference).min(1).max(50),
  })
  .refine(
    ({ from_revision, to_revision }) => from_revision !== to_revision,
    'another revision than there is',
  );
export type RolloutUndoInput = z.infer<typeof RolloutUndoInput>;

const Output = z.strictObject({
  cluster: z.string(),
  namespace: z.string(),
  kind: z.literal('deployment'),
  name: z.string(),
  uid: z.string(),
  from_revision: z.int(),
  to_revision: z.int(),
  images: z.array(z.string()),
  /** What `rollout_status` must have observed. */
  generation: z.int(),
});
type Output = z.infer<typeof Output>;

/** Takes a Deployment back to a revision by name; annotations other than the template's stay as they are. */
export const rolloutUndo = clusterWrite<RolloutUndoInput, Output>({
  name: 'rollout_undo',
  description: 'Takes a Deployment back to one of its revisions',
  repeat: 'observable',
  input: RolloutUndoInput,
  output: Output,
  effects: ({ cluster, namespace, kind, name, images }) => [
    {
      kind: 'deploy',
      target: objectTarget(cluster, { kind, namespace, name }),
      namespace,
      images: [...images],
    },
  ],
  run: async (input, call) => {
    const written = await writeMarked(call, {
      object: refOf(input),
      uid: input.uid,
      patch: async ({ metadata, spec }) => {
        const what = `deployment ${input.namespace}/${input.name}`;
        if (spec.paused) throw stale('paused', `The rollout of ${what} is paused.`);
        const current = revisionOf(metadata);
        if (current !== input.from_revision) {
          throw stale('revision_differs', `${what} is at revision ${current}, not ${input.from_revision}.`);
        }
        const owner = ownerOf(metadata, ['f:spec', 'f:template']);
        assertNotOwned(what, 'spec.template', owner);
        const { template } = await revisionAsPlanned(call, metadata, input);
        // A merge would keep what only today's template has.
        return { type: 'strategic', spec: { template: { $patch: 'replace', ...template } } };
      },
    });
    return outputOf(input, written.metadata);
  },
  observe: (input, call) =>
    observeMarked(
      call,
      refOf(input),
      input.uid,
      ({ metadata }) => revisionOf(metadata) === input.from_revision,
    ),
  readBack: async (input, call) =>
    outputOf(input, (await readIdentified(call, refOf(input), input.uid)).metadata),
  commands: ({ namespace, kind, name, to_revision }) => [
    [`--namespace=${namespace}`, 'rollout', 'undo', `--to-revision=${to_revision}`, `${kind}/${name}`],
  ],
});

async function revisionAsPlanned(
  call: ClusterCall,
  metadata: Metadata,
  input: RolloutUndoInput,
): Promise<RevisionFound> {
  const revisions = await revisionsOf(call.api, metadata, input.namespace);
  const wanted = revisions.find(({ revision }) => revision === input.to_revision);
  if (wanted === undefined) {
    const there = revisions.map(({ revision }) => revision).join(', ') || 'none';
    throw stale('revision_missing', `There is no revision ${input.to_revision}; there are: ${there}.`);
  }
  const same =
    digestOf(wanted.template) === input.template_digest &&
    canonicalJson([...imagesOf(wanted.template)]) === canonicalJson(input.images);
  if (!same) throw stale('template_differs', `Revision ${input.to_revision} is not what was planned.`);
  return wanted;
}

function outputOf(input: RolloutUndoInput, { generation }: Metadata): Output {
  const { template_digest: _, ...rest } = input;
  return { ...rest, generation };
}

function refOf({ kind, namespace, name }: RolloutUndoInput) {
  return { kind, namespace, name };
}

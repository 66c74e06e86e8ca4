import { AppError } from '@carapulse/kernel';
import type { Effect } from '@carapulse/policy';
import { z } from 'zod';
import { beforeEffect, stale } from '../../before-effect.ts';
import { orNull, refusedWith } from '../../kubernetes/kubernetes-api.ts';
import { objectPath, objectTarget } from '../../kubernetes/kubernetes-kinds.ts';
import { ClusterName, DnsLabel } from '../../kubernetes/kubernetes-names.ts';
import { clusterWrite } from './cluster-action.ts';
import type { ClusterCall } from './cluster-action.ts';
import { assertNotOwned, trackerOf } from './field-owner.ts';
import { imagesIn, liveDigest, Manifest, refOf, replicasIn, resultDigest } from './manifest.ts';
import { AnyObject } from './object-shapes.ts';

const Digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'a digest of apply_preview');

/** A manifest with what it meets and what comes out of it, both as `apply_preview` found them. */
export const ApplyInput = z
  .strictObject({
    cluster: ClusterName,
    namespace: DnsLabel,
    manifest: Manifest,
    /** Null: there must be no such object. */
    expected_live: Digest.nullable(),
    expected_result: Digest,
  })
  .refine(
    ({ namespace, manifest }) => manifest.metadata.namespace === namespace,
    'the namespace of the manifest',
  );
export type ApplyInput = z.infer<typeof ApplyInput>;

const Output = z.strictObject({
  cluster: z.string(),
  namespace: z.string(),
  kind: z.string(),
  name: z.string(),
  uid: z.string(),
  generation: z.int(),
  resource_version: z.string(),
  /** False: it was so already. */
  changed: z.boolean(),
});

/** Applies one manifest on the server's side under our field manager, never over the fields of others. */
export const apply = clusterWrite<ApplyInput, z.infer<typeof Output>>({
  name: 'apply',
  description: 'Applies a manifest, if the object and the result are as previewed',
  repeat: 'convergent',
  input: ApplyInput,
  output: Output,
  effects: effectsOf,
  run: async (input, call) => {
    const object = refOf(input.manifest);
    const { written, changed } = await applyAsPlanned(call, input);
    const { metadata } = AnyObject.parse(written);
    return {
      cluster: input.cluster,
      ...object,
      uid: metadata.uid,
      generation: metadata.generation,
      resource_version: metadata.resourceVersion,
      changed,
    };
  },
  commands: ({ manifest, namespace }) => [
    [
      `--namespace=${namespace}`,
      'apply',
      '--server-side',
      '--field-manager=carapulse',
      `--filename=${manifest.metadata.name}.yaml`,
    ],
  ],
});

export function effectsOf({
  cluster,
  namespace,
  manifest,
}: Pick<ApplyInput, 'cluster' | 'namespace' | 'manifest'>): Effect[] {
  const target = objectTarget(cluster, refOf(manifest));
  const replicas = replicasIn(manifest);
  return [
    { kind: 'apply', target, namespace, images: [...imagesIn(manifest)] },
    ...(replicas === null ? [] : [{ kind: 'scale' as const, target, namespace, replicas }]),
  ];
}

/** Writes of others may come in between so often before it gives up. */
const ATTEMPTS = 5;

async function applyAsPlanned(
  call: ClusterCall,
  input: ApplyInput,
): Promise<{ readonly written: unknown; readonly changed: boolean }> {
  for (let attempt = 1; ; attempt += 1) {
    const { live, done } = await beforeEffect('The cluster', () => assertAsPlanned(call, input));
    if (done) return { written: live, changed: false };
    try {
      return { written: await applied(call, input, live, false), changed: true };
    } catch (error) {
      if (refusedWith(error) !== 409 || attempt === ATTEMPTS) throw error;
    }
  }
}

/** `done`: applying would change nothing, be it by an earlier attempt or by somebody else. */
async function assertAsPlanned(
  call: ClusterCall,
  input: ApplyInput,
): Promise<{ readonly live: unknown; readonly done: boolean }> {
  const object = refOf(input.manifest);
  const what = `${object.kind} ${object.namespace}/${object.name}`;
  const live = await orNull(call.api.get(objectPath(object)));
  if (live !== null) assertNotOwned(what, 'spec', trackerOf(AnyObject.parse(live).metadata));
  const result = await applied(call, input, live, true);
  if (live !== null && resultDigest(result) === resultDigest(live)) return { live, done: true };
  if ((live === null ? null : liveDigest(live)) !== input.expected_live) {
    throw stale('object_differs', `${what} is not as it was previewed.`);
  }
  // What isn't there yet may get other addresses and the like in each dry run.
  if (live !== null && resultDigest(result) !== input.expected_result) {
    throw stale(
      'result_differs',
      `Applied to ${what}, the manifest gives another result than was previewed.`,
    );
  }
  return { live, done: false };
}

/** @throws AppError `forbidden` (`field_owned`) naming the managers whose fields the manifest would change. */
export async function applied(
  call: ClusterCall,
  { manifest }: Pick<ApplyInput, 'manifest'>,
  live: unknown,
  dryRun: boolean,
): Promise<unknown> {
  const version = live === null ? {} : { resourceVersion: AnyObject.parse(live).metadata.resourceVersion };
  const body = { ...manifest, metadata: { ...manifest.metadata, ...version } };
  try {
    return await call.api.apply(refOf(manifest), body, { dryRun });
  } catch (error) {
    const conflict = refusedWith(error) === 409 && error instanceof AppError ? error.message : '';
    if (!conflict.includes('Apply failed with')) throw error;
    throw new AppError(
      'forbidden',
      `${conflict}. These fields belong to others; change them where they do, or leave them out of the manifest.`,
      { cause: error, details: { class: 'conflict', effect: 'none', reason: 'field_owned' } },
    );
  }
}

import { AppError, createRedactor, JsonValue } from '@carapulse/kernel';
import { z } from 'zod';
import { orNull } from '../../kubernetes/kubernetes-api.ts';
import { objectPath, objectTarget } from '../../kubernetes/kubernetes-kinds.ts';
import { ClusterName, DnsLabel } from '../../kubernetes/kubernetes-names.ts';
import { applied, ApplyInput } from './apply.ts';
import { clusterRead } from './cluster-action.ts';
import { ownedMessage, trackerOf } from './field-owner.ts';
import {
  changesBetween,
  essenceOf,
  liveDigest,
  Manifest,
  refOf,
  resultDigest,
  undoOf,
  valueAt,
} from './manifest.ts';
import type { Change } from './manifest.ts';
import { AnyObject } from './object-shapes.ts';

const Input = z
  .strictObject({ cluster: ClusterName, namespace: DnsLabel, manifest: Manifest })
  .refine(
    ({ namespace, manifest }) => manifest.metadata.namespace === namespace,
    'the namespace of the manifest',
  );

const base = { cluster: z.string(), namespace: z.string(), object: z.string(), exists: z.boolean() };
const Output = z.discriminatedUnion('kind', [
  z.strictObject({ ...base, kind: z.literal('unchanged') }),
  z.strictObject({
    ...base,
    kind: z.literal('applicable'),
    /** What the server says would change, its defaults and admission included. */
    changes: z.array(z.strictObject({ path: z.string(), before: JsonValue, after: JsonValue })),
    changes_truncated: z.boolean(),
    /** Inputs of `apply`: the change and its undo. */
    forward: ApplyInput,
    /** Null where applying can't bring back what was: the object is new, or the manifest removes something. */
    undo: ApplyInput.nullable(),
  }),
  z.strictObject({
    ...base,
    kind: z.literal('refused'),
    reason: z.enum(['field_owned', 'rejected']),
    detail: z.string(),
  }),
]);

const MAX_CHANGES = 500;
const REDACTOR = createRedactor();

/** What applying a manifest would change, from a dry run on the server. */
export const applyPreview = clusterRead<z.infer<typeof Input>, z.infer<typeof Output>>({
  name: 'apply_preview',
  description: 'What applying a manifest would change, by a dry run of the API server',
  input: Input,
  output: Output,
  effects: ({ cluster, manifest }) => [{ kind: 'read', target: objectTarget(cluster, refOf(manifest)) }],
  run: async ({ cluster, namespace, manifest }, call) => {
    const object = refOf(manifest);
    const what = `${object.kind} ${namespace}/${object.name}`;
    const live = await orNull(call.api.get(objectPath(object)));
    const common = { cluster, namespace, object: objectTarget(cluster, object), exists: live !== null };
    const owner = live === null ? null : trackerOf(AnyObject.parse(live).metadata);
    if (owner !== null) {
      return { ...common, kind: 'refused', reason: 'field_owned', detail: ownedMessage(what, 'spec', owner) };
    }
    let result: unknown;
    try {
      result = await applied(call, { manifest }, live, true);
    } catch (error) {
      const refused = refusalOf(error);
      if (refused === null) throw error;
      return { ...common, kind: 'refused', ...refused };
    }
    const before = live === null ? null : essenceOf(live);
    const after = essenceOf(result);
    const changes = changesBetween(before, after);
    const shown = { before: REDACTOR.redactJson(before), after: REDACTOR.redactJson(after) };
    if (changes.length === 0) return { ...common, kind: 'unchanged' };
    return {
      ...common,
      kind: 'applicable',
      // Redacted where they stand: alone, a value no longer says that it is beside the name of a secret.
      changes: changes.slice(0, MAX_CHANGES).map(({ path }) => ({
        path,
        before: valueAt(shown.before, path),
        after: valueAt(shown.after, path),
      })),
      changes_truncated: changes.length > MAX_CHANGES,
      forward: {
        cluster,
        namespace,
        manifest,
        expected_live: live === null ? null : liveDigest(live),
        expected_result: resultDigest(result),
      },
      undo: undoInput({ cluster, namespace, manifest }, live, result, changes),
    };
  },
  commands: ({ manifest, namespace }) => [
    [`--namespace=${namespace}`, 'diff', '--server-side', `--filename=${manifest.metadata.name}.yaml`],
  ],
});

function undoInput(
  { cluster, namespace, manifest }: z.infer<typeof Input>,
  live: unknown,
  result: unknown,
  changes: readonly Change[],
): ApplyInput | null {
  if (live === null || changes.some(({ after }) => after === null)) return null;
  const undo = undoOf(manifest, live);
  if (undo === null) return null;
  return {
    cluster,
    namespace,
    manifest: undo,
    expected_live: liveDigest(result),
    expected_result: resultDigest(live),
  };
}

/** The server's no to the manifest itself; anything else is a failure of the read. */
function refusalOf(error: unknown): { reason: 'field_owned' | 'rejected'; detail: string } | null {
  if (!(error instanceof AppError)) return null;
  if (error.details['reason'] === 'field_owned') return { reason: 'field_owned', detail: error.message };
  const status = error.details['status'];
  return status === 400 || status === 422 ? { reason: 'rejected', detail: error.message } : null;
}

import { canonicalJson, createRedactor, isSecretName, JsonObject } from '@carapulse/kernel';
import type { JsonValue } from '@carapulse/kernel';
import { z } from 'zod';
import { PROXY_MARK } from '../../sandbox.ts';
import { ObjectId, RepositoryName, RepositoryPath } from '../git/git-settings.ts';
import { ChartName, ChartVersion, releasePlace, Revision, Sha256 } from './helm-names.ts';

const MAX_SET_BYTES = 100_000;
const REDACTOR = createRedactor();

/** A chart of the settings, in one version. */
export const ChartChoice = z.strictObject({
  name: ChartName,
  version: ChartVersion,
  /** For charts of kind `git_path`: a whole commit id on the repository's default branch. */
  commit: ObjectId.optional(),
});
export type ChartChoice = z.infer<typeof ChartChoice>;

/** Values that lie elsewhere, pinned by their checksum. */
export const ArtifactRef = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('git_path'),
    repository: RepositoryName,
    path: RepositoryPath,
    revision: ObjectId,
    sha256: Sha256,
  }),
  z.strictObject({
    kind: z.literal('object_store'),
    key: z
      .string()
      .max(500)
      .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]*(\/[A-Za-z0-9_][A-Za-z0-9._-]*)*$/, 'a plain key'),
    sha256: Sha256,
  }),
]);
export type ArtifactRef = z.infer<typeof ArtifactRef>;

/** Values as JSON. They are shown to whoever approves, so a secret has no place among them. */
const SetValues = JsonObject.refine(
  (values) => JSON.stringify(values).length <= MAX_SET_BYTES,
  `${MAX_SET_BYTES} characters at most`,
)
  .refine((values) => !JSON.stringify(values).includes(PROXY_MARK), `no ${PROXY_MARK}`)
  // What is hidden where it is shown couldn't be set as it was approved.
  .refine(
    (values) => !namesSecret(values) && canonicalJson(REDACTOR.redactJson(values)) === canonicalJson(values),
    {
      error:
        'no password, token or the like: a plan is shown to people. Let the chart name a Secret of the cluster instead',
    },
  );

const wanted = {
  ...releasePlace,
  chart: ChartChoice,
  values_ref: ArtifactRef.optional(),
  set: SetValues.optional(),
  /** True: what the present revision sets stays, below what is set here. False: only what is set here. */
  keep_values: z.boolean().default(true),
};

/** What a release is to become. */
export const WantedRelease = z.strictObject(wanted);
export type WantedRelease = z.infer<typeof WantedRelease>;

const Count = z.int().min(0).max(100_000);

/** `changed apps/v1 Deployment shop/web`. */
export const ObjectChange = z
  .string()
  .max(700)
  .regex(/^(added|changed|removed) [^\n]+$/, 'what happens to which object');

/** An upgrade as literals; it holds only from this revision, and only if it comes out as previewed. */
export const UpgradeInput = z.strictObject({
  ...wanted,
  chart: ChartChoice.extend({ digest: Sha256 }),
  from_revision: Revision,
  /** Of what the release is made of now and afterwards. */
  from_manifest: Sha256,
  expected_manifest: Sha256,
  /** Of the values that the new revision will have. */
  values_digest: Sha256,
  changes: z.array(ObjectChange).max(2000),
  /** Namespaces of the changed objects, the release's own among them. */
  namespaces: z.array(z.string().min(1).max(63)).min(1).max(500),
  /** All that the new manifest names, not only what changes. */
  images: z.array(z.string().max(500)).max(1000),
  /** The most replicas that it asks for; null when it says nothing about them. */
  replicas: Count.nullable(),
  /** Secrets among the changed objects; a field named `secrets` would be redacted. */
  secret_objects: Count,
});
export type UpgradeInput = z.infer<typeof UpgradeInput>;

const rollback = {
  ...releasePlace,
  from_revision: Revision,
  /** Of what the release is made of at `from_revision`. */
  from_manifest: Sha256,
  to_revision: Revision,
  /** Of the revision that is gone back to. */
  expected_manifest: Sha256,
  namespaces: UpgradeInput.shape.namespaces,
  images: UpgradeInput.shape.images,
  replicas: UpgradeInput.shape.replicas,
  changes: UpgradeInput.shape.changes,
  secret_objects: UpgradeInput.shape.secret_objects,
};
const isEarlier = ({
  from_revision: from,
  to_revision: to,
}: {
  from_revision: number;
  to_revision: number;
}): boolean => to < from;
const earlier = { path: ['to_revision'], error: 'an earlier revision' };

/**
 * A way back to a recorded revision. It holds only while the release is at `from_revision`, and that is what the plan
 * means: made by this very run, or made of `from_manifest`.
 */
export const RollbackInput = z.strictObject(rollback).refine(isEarlier, earlier);
export type RollbackInput = z.infer<typeof RollbackInput>;

/** A rollback from a revision that a killed helm of one execution left pending. */
export const RepairInput = z
  .strictObject({ ...rollback, execution: z.string().min(1).max(200) })
  .refine(isEarlier, earlier);
export type RepairInput = z.infer<typeof RepairInput>;

/** A text or number under a name such as `password`, at any depth. */
function namesSecret(value: JsonValue): boolean {
  if (Array.isArray(value)) return value.some((item: JsonValue) => namesSecret(item));
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(
    ([name, member]) =>
      (isSecretName(name) && typeof member !== 'boolean' && member !== null) ||
      (member !== undefined && namesSecret(member)),
  );
}

import { AppError } from '@carapulse/kernel';
import { z } from 'zod';
import { stale } from '../../before-effect.ts';
import type { CommandResult } from '../../sandbox.ts';
import type { Observation } from '../../tool-definition.ts';
import { contentDigest } from './compare-manifests.ts';
import type { HelmCallContext } from './helm-action.ts';
import { helmFailure } from './helm-command.ts';
import { isSettled, markOf, progressOf } from './release-mark.ts';
import type { MarkLabel } from './release-mark.ts';
import { ReleaseStatus } from './release-record.ts';
import { isPending } from './release-store.ts';
import type { StoredRevision } from './release-store.ts';

export const WriteOutput = z.strictObject({
  cluster: z.string(),
  namespace: z.string(),
  release: z.string(),
  from_revision: z.int(),
  /** The one that was made. */
  revision: z.int(),
  /** `failed`: the revision was made, and the cluster did not take all of it; `description` says why. */
  status: ReleaseStatus,
  chart: z.string(),
  app_version: z.string(),
  description: z.string(),
  manifest_digest: z.string(),
});
export type WriteOutput = z.infer<typeof WriteOutput>;

export interface Written {
  readonly cluster: string;
  readonly namespace: string;
  readonly release: string;
  readonly from_revision: number;
}

export function progressOfWrite(
  revisions: readonly StoredRevision[],
  { from_revision: from }: Written,
  label: MarkLabel,
  key: string,
): ReturnType<typeof progressOf> {
  return progressOf(revisions, { label, mark: markOf(key), from });
}

/** `done` once helm has ended with a revision of ours; one that was left pending may be done in part. */
export async function observeWrite(
  { runtime, records }: HelmCallContext,
  input: Written,
  label: MarkLabel,
): Promise<Observation> {
  const revisions = await records.stored(input.namespace, input.release);
  const progress = progressOfWrite(revisions, input, label, runtime.idempotencyKey);
  if (progress.kind === 'made') return isSettled(progress.revision) ? 'done' : 'unknown';
  return progress.kind === 'not_made' ? 'not_done' : 'unknown';
}

/** The output of a write that was made. @throws AppError `conflict` where it is not. */
export async function outputOfWrite(
  call: HelmCallContext,
  input: Written,
  label: MarkLabel,
): Promise<WriteOutput> {
  const revisions = await call.records.stored(input.namespace, input.release);
  const progress = progressOfWrite(revisions, input, label, call.runtime.idempotencyKey);
  if (progress.kind !== 'made') {
    throw new AppError(
      'conflict',
      `Release ${input.namespace}/${input.release} has no revision of this step.`,
      {
        details: { class: 'conflict' },
      },
    );
  }
  return await outputOf(input, progress.revision);
}

async function outputOf(
  { cluster, namespace, release, from_revision }: Written,
  made: StoredRevision,
): Promise<WriteOutput> {
  const record = await made.record();
  return {
    cluster,
    namespace,
    release,
    from_revision,
    revision: made.revision,
    status: record.status,
    chart: record.chart,
    app_version: record.app_version,
    description: record.description,
    manifest_digest: contentDigest(record),
  };
}

/**
 * What came of a helm that has ended. Helm makes the revision before it touches anything else, so without one nothing
 * was written; a revision that helm itself called failed is made, and for the checks to judge.
 */
export async function settleWrite(
  call: HelmCallContext,
  input: Written,
  label: MarkLabel,
  { verb, result }: { readonly verb: string; readonly result: CommandResult },
): Promise<WriteOutput> {
  const revisions = await call.records.stored(input.namespace, input.release);
  const progress = progressOfWrite(revisions, input, label, call.runtime.idempotencyKey);
  const failure = helmFailure(call.cluster.name, verb, result);
  switch (progress.kind) {
    case 'made': {
      const { revision } = progress;
      if (isSettled(revision)) return await outputOf(input, revision);
      throw new AppError(
        'tool_failed',
        `${failure.message}; it left revision ${revision.revision} ${revision.status}, done in part or whole. ` +
          `repair_pending goes back from there.`,
        { details: { ...failure.details, reason: 'left_pending' } },
      );
    }
    case 'not_made':
      throw new AppError(failure.code, failure.message, {
        retryable: failure.retryable,
        details: { ...failure.details, effect: 'none' },
      });
    case 'unknown':
      throw failure;
    default:
      return progress satisfies never;
  }
}

/** The present revision. @throws AppError `plan_stale` when it is another one, or another write is under way. */
export function assertAt(input: Written, revisions: readonly StoredRevision[]): StoredRevision {
  const what = `Release ${input.namespace}/${input.release}`;
  const current = revisions.at(-1);
  if (current === undefined) throw stale('release_missing', `${what} is not there.`);
  if (current.revision !== input.from_revision) {
    throw stale(
      'revision_moved',
      `${what} is at revision ${current.revision} (${current.status}), not at ${input.from_revision}.`,
    );
  }
  return current;
}

/** @throws AppError `plan_stale` (`pending`). */
export function assertNotPending(input: Written, { status, revision }: StoredRevision): void {
  if (!isPending(status)) return;
  throw stale('pending', `Release ${input.namespace}/${input.release} is ${status} at revision ${revision}.`);
}

import { AppError } from '@carapulse/kernel';
import type { GitPlace, GitRuntime } from './git-command.ts';
import { keepOf } from './git-keep.ts';
import type { Keep } from './git-keep.ts';
import { emptyMirrorFiles, fetchBranch, initMirror, MIRROR, mirrorIn, trustOrigin } from './git-mirror.ts';
import type { Mirror } from './git-mirror.ts';
import { assertBranchAllowed, findRepository } from './git-settings.ts';
import type { Repository } from './git-settings.ts';
import { settleAll } from '../../settle-all.ts';

interface Job<T> {
  readonly runtime: GitRuntime;
  readonly repository: Repository;
  readonly branch: string;
  readonly keep: Keep;
  readonly work: (mirror: Mirror) => Promise<T>;
}

/**
 * Does work on a branch as its origin has it now, in a mirror of this call alone. Objects kept by earlier calls are
 * borrowed; where that may be why something failed, the work is done once more on what the origin alone gives.
 * @throws AppError `not_found` (repository or branch), `forbidden` (branch not listed), `unavailable` (retryable), or
 * what the work throws.
 */
export async function withMirror<T>(
  runtime: GitRuntime,
  repositoryName: string,
  branchName: string | undefined,
  work: (mirror: Mirror) => Promise<T>,
): Promise<T> {
  const repository = findRepository(runtime.settings, repositoryName);
  const branch = branchName ?? repository.defaultBranch;
  assertBranchAllowed(repository, branch);
  const job = { runtime, repository, branch, keep: keepOf(runtime, repository), work };
  try {
    return await workBorrowing(job);
  } catch (error) {
    if (!mayBeTheKeep(error)) throw error;
    return await workAlone(job, error);
  }
}

function placeOf({ runtime }: Job<unknown>, name: string): GitPlace {
  return { scratch: runtime.scratch, mirror: `${runtime.scratch}/${name}`, keep: null };
}

async function workBorrowing<T>(job: Job<T>): Promise<T> {
  const { runtime, repository, branch, keep } = job;
  const place = { ...placeOf(job, MIRROR), keep: keep.path };
  const isNew = await fetchBranch(runtime, repository, place, branch, emptyMirrorFiles(place));
  const [result] = await settleAll([
    job.work(mirrorIn(runtime, repository, place, branch)),
    isNew ? keep.add(place, branch) : Promise.resolve(),
  ]);
  return result;
}

async function workAlone<T>(job: Job<T>, fault: AppError): Promise<T> {
  const { runtime, repository, branch, keep } = job;
  // Its mount was refused: nothing but a missing keep is the sandbox's to find.
  const missing = fault.code === 'not_found';
  const place = placeOf(job, 'whole.git');
  await initMirror(runtime, repository, place);
  await trustOrigin(runtime, repository, place);
  await fetchBranch(runtime, repository, place, branch);
  // Before the work, which may write objects that the origin doesn't have.
  const copied = await keep.copy(place);
  try {
    const result = await job.work(mirrorIn(runtime, repository, place, branch));
    // Only now it is shown that the keep was at fault.
    if (copied) await keep.install(missing ? 'stays' : 'damaged');
    return result;
  } catch (error) {
    if (copied) await (missing ? keep.install('stays') : keep.discard());
    throw error;
  }
}

/** What is seen when kept objects can't be read or their directory is gone: a refused mount, or git's own failure. */
function mayBeTheKeep(error: unknown): error is AppError {
  if (!(error instanceof AppError)) return false;
  const reason = error.details['reason'];
  if (error.code === 'unavailable') return reason === 'fetch_failed';
  return (error.code === 'not_found' || error.code === 'tool_failed') && reason === undefined;
}

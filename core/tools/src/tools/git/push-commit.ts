import { stale } from '../../before-effect.ts';
import type { Observation } from '../../tool-definition.ts';
import { gitFailure } from './git-command.ts';
import type { GitCall, GitRuntime } from './git-command.ts';
import type { Mirror } from './git-mirror.ts';

/** A commit that is known before it is made, and where its branch must be. */
export interface PlannedCommit {
  readonly repository: string;
  readonly branch: string;
  readonly base_revision: string;
  readonly expected_commit: string;
  readonly paths: readonly string[];
}

/** Whether the commit is on the branch, whose tip is `tip`. */
export async function observedCommit(
  mirror: Mirror,
  planned: PlannedCommit,
  tip: string,
): Promise<Observation> {
  if (tip === planned.expected_commit) return 'done';
  // The commit comes after its base, so a branch that is at the base doesn't have it.
  if (tip === planned.base_revision) return 'not_done';
  return (await mirror.has(planned.expected_commit)) ? 'done' : 'not_done';
}

/** Pushes the commit, which the mirror has, onto its base and nothing else. @throws AppError `plan_stale`. */
export async function pushCommit(runtime: GitRuntime, mirror: Mirror, planned: PlannedCommit): Promise<void> {
  runtime.signal.throwIfAborted();
  const call: GitCall = {
    access: 'write',
    args: [
      'push',
      '--porcelain',
      '--no-verify',
      '--no-recurse-submodules',
      `--force-with-lease=refs/heads/${planned.branch}:${planned.base_revision}`,
      '--end-of-options',
      mirror.repository.url,
      `${planned.expected_commit}:refs/heads/${planned.branch}`,
    ],
  };
  const pushed = await mirror.call(call);
  if (pushed.exitCode === 0) return;
  if (/^!\t.*\[rejected\] \((stale info|fetch first|non-fast-forward)\)$/m.test(pushed.stdout)) {
    throw stale(
      'base_moved',
      `Branch ${planned.branch} of ${planned.repository} moved while the commit was pushed.`,
    );
  }
  throw gitFailure(mirror.repository, call, pushed, 'push_failed');
}

/** @throws AppError `plan_stale` unless the branch is at the base, saying whether later commits touched the paths. */
export async function assertUnmoved(mirror: Mirror, planned: PlannedCommit, tip: string): Promise<void> {
  const { repository, branch, base_revision: base } = planned;
  if (tip === base) return;
  const moved = `Branch ${branch} of ${repository} is at ${tip}, not at ${base}`;
  if (!(await mirror.has(base))) throw stale('base_moved', `${moved}, which is no longer part of it.`);
  const range = `${base}..${tip}`;
  const log = ['log', '--format=%H', '--end-of-options', range, '--', ...planned.paths] as const;
  const touching = (await mirror.git(...log)).split('\n').filter((line) => line !== '');
  const first = touching.slice(0, 3).join(', ');
  throw stale(
    'base_moved',
    touching.length === 0
      ? `${moved}: later commits came, none of which touches the same files.`
      : `${moved}: the same files were touched later, by ${touching.length === 1 ? 'commit' : `${touching.length} commits, the last`} ${first}.`,
  );
}

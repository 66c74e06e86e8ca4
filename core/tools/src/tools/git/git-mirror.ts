import { AppError } from '@carapulse/kernel';
import { excerpt, gitFailure, gitOutput, globalConfigOf, mirrorOf, runGit } from './git-command.ts';
import type { GitCall, GitRuntime } from './git-command.ts';
import { assertBranchAllowed, findRepository } from './git-settings.ts';
import type { Repository } from './git-settings.ts';
import { settleAll } from './settle-all.ts';

/** A private bare copy of the branches that a call needs, in its scratch directory. */
export interface Mirror {
  readonly repository: Repository;
  readonly branch: string;
  /** Standard output of a git command in the mirror. */
  git(...args: readonly [string, ...string[]]): Promise<string>;
  call(call: GitCall): ReturnType<typeof runGit>;
  /** The commit that a branch or commit id names. @throws AppError `not_found`. */
  commitOf(revision: string): Promise<string>;
  /** The same with its tree. @throws AppError `not_found`. */
  commitAndTreeOf(revision: string): Promise<{ readonly commit: string; readonly tree: string }>;
  isAncestor(ancestor: string, descendant: string): Promise<boolean>;
}

/**
 * Fetches one branch of a repository.
 * @throws AppError `not_found` (repository or branch), `forbidden` (branch not listed), `unavailable` (retryable).
 */
export async function openMirror(
  runtime: GitRuntime,
  repositoryName: string,
  branchName?: string,
): Promise<Mirror> {
  const repository = findRepository(runtime.settings, repositoryName);
  const branch = branchName ?? repository.defaultBranch;
  assertBranchAllowed(repository, branch);
  const git = (...args: readonly [string, ...string[]]): Promise<string> =>
    gitOutput(repository, runtime, { args });
  await settleAll([
    git('init', '--quiet', '--bare', '--template=', mirrorOf(runtime.scratch)),
    // The serving end of a local path checks ownership by the global file alone; options do not reach it.
    git('config', '--file', globalConfigOf(runtime.scratch), 'safe.directory', repository.url),
  ]).catch((cause: unknown) => {
    if (!(cause instanceof AppError) || cause.code !== 'tool_failed') throw cause;
    throw new AppError(
      'tool_failed',
      `${cause.message}; \`carapulse doctor\` tells what is wrong with git here.`,
      {
        cause,
        details: { ...cause.details, effect: 'none' },
      },
    );
  });
  await fetchBranch(runtime, repository, branch);
  // A git that could not look has not said "no": whether a write has happened is read off this answer.
  const isAncestor = async (ancestor: string, descendant: string): Promise<boolean> => {
    const args = ['merge-base', '--is-ancestor', '--end-of-options', ancestor, descendant] as const;
    const call = { args: [...args] } satisfies GitCall;
    const result = await runGit(repository, runtime, call);
    if (result.exitCode === 0) return true;
    const unrelated = result.exitCode === 1 && result.stderr.trim() === '';
    if (unrelated || /Not a valid (commit|object) name/.test(result.stderr)) return false;
    throw gitFailure(repository, call, result);
  };
  const peeled = (revision: string): string =>
    `${revision === branch ? `refs/heads/${branch}` : revision}^{commit}`;
  const found = async (revision: string, args: GitCall['args']): Promise<string> => {
    const result = await runGit(repository, runtime, { args });
    if (result.exitCode === 0) return result.stdout;
    throw new AppError('not_found', `${repository.name} has no commit ${revision} on ${branch}.`, {
      details: { class: 'permanent', effect: 'none', reason: 'revision_unknown' },
    });
  };
  return {
    repository,
    branch,
    git,
    call: (call) => runGit(repository, runtime, call),
    isAncestor,
    commitOf: async (revision) =>
      (
        await found(revision, ['rev-parse', '--verify', '--quiet', '--end-of-options', peeled(revision)])
      ).trim(),
    commitAndTreeOf: async (revision) => {
      const args = ['log', '--no-show-signature', '--max-count=1', '--format=%H %T'] as const;
      const text = await found(revision, [...args, '--end-of-options', peeled(revision), '--']);
      const [commit = '', tree = ''] = text.trim().split(' ');
      return { commit, tree };
    },
  };
}

async function fetchBranch(runtime: GitRuntime, repository: Repository, branch: string): Promise<void> {
  const fetched = await runGit(repository, runtime, {
    access: 'read',
    args: [
      'fetch',
      '--quiet',
      '--no-tags',
      '--no-recurse-submodules',
      '--no-write-fetch-head',
      '--end-of-options',
      repository.url,
      `+refs/heads/${branch}:refs/heads/${branch}`,
    ],
  });
  if (fetched.exitCode === 0) return;
  if (/couldn't find remote ref/.test(fetched.stderr)) {
    throw new AppError('not_found', `${repository.name} has no branch ${branch}.`, {
      details: { class: 'permanent', effect: 'none', reason: 'branch_unknown' },
    });
  }
  throw new AppError('unavailable', `${repository.name} could not be read: ${excerpt(fetched.stderr)}`, {
    retryable: true,
    details: { class: 'transient', effect: 'none', reason: 'fetch_failed' },
  });
}

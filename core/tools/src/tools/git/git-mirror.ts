import { AppError } from '@carapulse/kernel';
import { excerpt, gitFailure, gitOutput, globalConfigOf, runGit } from './git-command.ts';
import type { SandboxFile } from '../../sandbox.ts';
import type { GitCall, GitPlace, GitRuntime } from './git-command.ts';
import { isLocal } from './git-settings.ts';
import type { Repository } from './git-settings.ts';

/** A private bare copy of the branch that a call needs, in its scratch directory; it may borrow kept objects. */
export interface Mirror {
  readonly repository: Repository;
  readonly branch: string;
  /** The branch as it was fetched; nothing moves it during the call. */
  readonly ref: string;
  /** Standard output of a git command in the mirror. */
  git(...args: readonly [string, ...string[]]): Promise<string>;
  call(call: GitCall): ReturnType<typeof runGit>;
  /** `ref` for the branch, else the whole id of a commit. @throws AppError `not_found`. */
  locate(revision: string): Promise<string>;
  /** The whole id of what was located. */
  idOf(located: string): Promise<string>;
  /** Whether the branch's history has the commit, whatever other objects there are. */
  has(commit: string): Promise<boolean>;
  /** @throws AppError `not_found` unless `located` is on the branch; free for `ref`. */
  assertHas(located: string): Promise<void>;
  /** The `not_found` of a commit that is not on the branch. */
  unknown(revision: string): AppError;
}

/** The name of a branch's private ref: one level deep, so that no branch is in another one's way. */
export function privateRef(branch: string): string {
  return `refs/carapulse/${branch.replaceAll('/', '+')}`;
}

/** Where the mirror of a call lies in its scratch directory, and what git wants there before it takes it for one. */
export const MIRROR = 'mirror.git';
export const EMPTY_MIRROR = [MIRROR, `${MIRROR}/objects`, `${MIRROR}/refs`];

/** With its directories, all of an empty bare repository: what `git init` would write. */
export function emptyMirrorFiles({ mirror }: GitPlace): readonly SandboxFile[] {
  return [
    { path: `${mirror}/HEAD`, text: 'ref: refs/heads/main\n' },
    { path: `${mirror}/config`, text: '[core]\n\trepositoryformatversion = 0\n\tbare = true\n' },
  ];
}

/** Makes an empty mirror by git itself, which tells when a git doesn't work here. */
export async function initMirror(
  runtime: GitRuntime,
  repository: Repository,
  place: GitPlace,
): Promise<void> {
  const spec: GitCall = { args: ['init', '--quiet', '--bare', '--template=', place.mirror] };
  const result = await runGit(repository, runtime, place, spec);
  if (result.exitCode === 0) return;
  const failure = gitFailure(repository, spec, result);
  throw new AppError(
    'tool_failed',
    `${failure.message}; \`carapulse doctor\` tells what is wrong with git here.`,
    {
      details: failure.details,
    },
  );
}

/** Lets a local repository be served whoever owns it: options do not reach the serving end, a global file does. */
export async function trustOrigin(
  runtime: GitRuntime,
  repository: Repository,
  place: GitPlace,
): Promise<void> {
  if (!isLocal(repository.url)) return;
  const args = ['config', '--file', globalConfigOf(place), 'safe.directory', repository.url] as const;
  await gitOutput(repository, runtime, place, { args });
}

/**
 * Fetches the branch into a mirror that is there, or that `files` make.
 * @returns whether objects came that were not there.
 * @throws AppError `not_found` (branch), `unavailable` (retryable).
 */
export async function fetchBranch(
  runtime: GitRuntime,
  repository: Repository,
  place: GitPlace,
  branch: string,
  files: readonly SandboxFile[] = [],
): Promise<boolean> {
  const fetched = await runGit(repository, runtime, place, {
    access: 'read',
    files,
    args: [
      'fetch',
      '--progress',
      '--no-tags',
      '--no-recurse-submodules',
      '--no-write-fetch-head',
      '--end-of-options',
      repository.url,
      `+refs/heads/${branch}:${privateRef(branch)}`,
    ],
  });
  if (fetched.exitCode === 0) return /^Receiving objects:/m.test(fetched.stderr.replaceAll('\r', '\n'));
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

/** The mirror in `place`, into which the branch was fetched. */
export function mirrorIn(
  runtime: GitRuntime,
  repository: Repository,
  place: GitPlace,
  branch: string,
): Mirror {
  const ref = privateRef(branch);
  const call = (spec: GitCall): ReturnType<typeof runGit> => runGit(repository, runtime, place, spec);
  const git = (...args: GitCall['args']): Promise<string> => gitOutput(repository, runtime, place, { args });
  // Fails when any commit of the branch can't be read.
  const assertReadable = (): Promise<string> => git('rev-list', '--count', '--end-of-options', ref);
  const has = async (commit: string): Promise<boolean> => {
    const spec: GitCall = { args: ['merge-base', '--is-ancestor', '--end-of-options', commit, ref] };
    const result = await call(spec);
    if (result.exitCode === 0) return true;
    // A git that could not look has not said "no": whether a write has happened is read off this answer.
    const absent = /Not a valid (commit|object) name/.test(result.stderr);
    if (result.exitCode !== 1 && !absent) throw gitFailure(repository, spec, result);
    // What could not be read may be on the branch all the same, unless the branch could be read to its end.
    if (result.exitCode !== 1 || result.stderr !== '') await assertReadable();
    return false;
  };
  const unknown = (revision: string): AppError =>
    new AppError('not_found', `${repository.name} has no commit ${revision} on ${branch}.`, {
      details: { class: 'permanent', effect: 'none', reason: 'revision_unknown' },
    });
  /** The only commit of the branch with this abbreviation; what else is kept makes no difference. */
  const unabbreviate = async (revision: string): Promise<string> => {
    const candidates = (await git('rev-parse', `--disambiguate=${revision}`)).split('\n');
    const found: string[] = [];
    for (const object of candidates) if (object !== '' && (await has(object))) found.push(object);
    const [only] = found;
    if (only !== undefined && found.length === 1) return only;
    if (only === undefined) await assertReadable();
    throw unknown(revision);
  };
  const whole = new Set([ref]);
  return {
    repository,
    branch,
    ref,
    git,
    call,
    has,
    unknown,
    locate: async (revision) => {
      if (revision === branch) return ref;
      if (/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(revision)) return revision;
      if (!/^[0-9a-f]{7,64}$/.test(revision)) throw unknown(revision);
      const commit = await unabbreviate(revision);
      whole.add(commit);
      return commit;
    },
    idOf: async (located) => (located === ref ? (await git('rev-parse', '--verify', ref)).trim() : located),
    assertHas: async (located) => {
      if (!whole.has(located) && !(await has(located))) throw unknown(located);
    },
  };
}

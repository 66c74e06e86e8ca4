import { AppError } from '@carapulse/kernel';
import type { CommandResult } from '../../sandbox.ts';
import { COMMIT_AND_TREE_FORMAT, parseCommitsAndTrees } from './commit-record.ts';
import type { CommitRecord } from './commit-record.ts';
import { excerpt, gitFailure } from './git-command.ts';
import type { GitCall, GitRuntime } from './git-command.ts';
import type { Mirror } from './git-mirror.ts';
import { readChanges } from './read-changes.ts';
import type { Changes } from './read-changes.ts';
import { settleAll } from '../../settle-all.ts';

/** Why a commit cannot be reverted by this tool. */
export const REVERT_REFUSALS = [
  'merge_commit',
  'root_commit',
  'not_on_branch',
  'conflict',
  'nothing_to_revert',
  'binary_file',
  'too_many_files',
  'too_long',
] as const;
export type RevertRefusal = (typeof REVERT_REFUSALS)[number];

const PLAIN = ['--no-renames', '--no-ext-diff', '--no-textconv', '--no-color'] as const;

export const MAX_REVERT_FILES = 1000;

export type RevertedTree =
  | { readonly kind: 'tree'; readonly tree: string; readonly changes: Changes & { readonly diff: string } }
  | { readonly kind: 'refused'; readonly reason: RevertRefusal; readonly detail: string };

/** Who commits, when, and what is said: with tree and parent, all that decides the commit's id. */
export interface CommitText {
  readonly message: string;
  readonly author: { readonly name: string; readonly email: string };
  /** RFC 3339 UTC; whole seconds count. */
  readonly date: string;
}

/** A commit and the branch that it is to be taken back on. */
export interface RevertEnds {
  readonly tip: {
    readonly commit: string;
    readonly tree: string;
    /** The tree of its only parent; null where it has none or several. */
    readonly treeBefore: string | null;
  };
  /** Null when the branch has no such commit. */
  readonly commit: CommitRecord | null;
}

/** @throws AppError as the mirror does. */
export async function readEnds(mirror: Mirror, commit: string): Promise<RevertEnds> {
  const text = await mirror.git(
    'log',
    '-z',
    '--no-walk=unsorted',
    '--ignore-missing',
    '--no-show-signature',
    COMMIT_AND_TREE_FORMAT,
    '--end-of-options',
    mirror.ref,
    commit,
    `${mirror.ref}^@`,
    '--',
  );
  const records = parseCommitsAndTrees(text);
  const found = (id: string | undefined) => records.find((record) => record.commit.revision === id);
  const [tip] = records;
  if (tip === undefined) throw new AppError('tool_failed', `git log of ${mirror.branch} showed no commit.`);
  const { revision, parents } = tip.commit;
  const has = commit === revision || (await mirror.has(commit));
  return {
    tip: {
      commit: revision,
      tree: tip.tree,
      treeBefore: parents.length === 1 ? (found(parents[0])?.tree ?? null) : null,
    },
    commit: (has && found(commit)?.commit) || null,
  };
}

/**
 * The branch's tree with the changes of a commit taken back: what was before the tip, or else a three-way merge in an
 * index of its own; no work tree and nothing outside the mirror is touched. Works with git 2.34 and later.
 */
export async function computeRevert(
  runtime: GitRuntime,
  mirror: Mirror,
  { commit, tip }: { readonly commit: CommitRecord; readonly tip: RevertEnds['tip'] },
): Promise<RevertedTree> {
  const { revision, parents } = commit;
  const [parent] = parents;
  if (parent === undefined)
    return refused('root_commit', `Commit ${revision} is the first one; nothing lies before it.`);
  if (parents.length > 1) {
    return refused(
      'merge_commit',
      `Commit ${revision} is a merge of ${parents.length}; revert its commits one by one.`,
    );
  }
  if (revision === tip.commit && tip.treeBefore !== null) {
    const { changes } = await readChanges((options) =>
      mirror.git('diff-tree', '-r', ...options, '--end-of-options', tip.commit, parent),
    );
    return judged(changes, tip.treeBefore);
  }
  return revertedTree(runtime, mirror, { commit: revision, parent, base: tip.commit });
}

function judged(changes: Changes, tree: string): RevertedTree {
  if (changes.files_changed === 0)
    return refused('nothing_to_revert', 'The branch no longer has what the commit did.');
  if (changes.files_changed > MAX_REVERT_FILES) {
    return refused(
      'too_many_files',
      `The revert changes ${changes.files_changed} files; at most ${MAX_REVERT_FILES}.`,
    );
  }
  const binary = changes.files.find((file) => file.added === null);
  if (binary !== undefined) {
    return refused('binary_file', `${binary.path} is binary; its change cannot be measured or reviewed.`);
  }
  if (changes.diff === null) {
    return refused(
      'too_long',
      `The revert changes ${changes.lines_changed} lines; a diff that long cannot be shown to those who approve it.`,
    );
  }
  return { kind: 'tree', tree, changes: { ...changes, diff: changes.diff } };
}

async function revertedTree(
  runtime: GitRuntime,
  mirror: Mirror,
  ends: { readonly commit: string; readonly parent: string; readonly base: string },
): Promise<RevertedTree> {
  const { commit, parent, base } = ends;
  const env = { GIT_INDEX_FILE: `${runtime.scratch}/index-${commit}` };
  const patch = `${runtime.scratch}/patch-${commit}`;
  const call = (...args: [string, ...string[]]): Promise<CommandResult> => mirror.call({ args, env });
  const index = async (...args: [string, ...string[]]): Promise<string> => {
    const result = await call(...args);
    if (result.exitCode === 0) return result.stdout;
    throw gitFailure(mirror.repository, { args }, result);
  };
  const readBoth = (): Promise<readonly [CommandResult, { readonly changes: Changes }]> =>
    settleAll([
      call('write-tree'),
      readChanges((options) => index('diff-index', '--cached', '-r', ...options, '--end-of-options', base)),
    ]);
  // Whole files decide where none that the commit touched was touched later; an index with others isn't written.
  const merged = await call('read-tree', '-i', '-m', '--aggressive', commit, base, parent);
  if (merged.exitCode === 0) {
    const [written, { changes }] = await readBoth();
    if (written.exitCode === 0) return judged(changes, written.stdout.trim());
  }
  await settleAll([
    // Through a file, since a patch's bytes need not be UTF-8.
    mirror.git(
      'diff-tree',
      '-p',
      '--binary',
      '--full-index',
      ...PLAIN,
      `--output=${patch}`,
      '--end-of-options',
      parent,
      commit,
    ),
    index('read-tree', base),
  ]);
  const applied = await call('apply', '--cached', '--3way', '--reverse', '--whitespace=nowarn', '--', patch);
  if (applied.exitCode !== 0 && applied.exitCode !== 1) {
    throw new AppError(
      'tool_failed',
      `git apply ended with ${applied.exitCode ?? 'a signal'}: ${excerpt(applied.stderr)}`,
      {
        details: { class: 'permanent', effect: 'none' },
      },
    );
  }
  if (applied.exitCode === 1) {
    // An object that can't be read looks like a conflict; this reads all that the patch was held against.
    await mirror.git('diff-tree', '-r', '--shortstat', ...PLAIN, '--end-of-options', commit, base);
    return refused('conflict', `Later commits changed the same lines: ${excerpt(applied.stderr)}`);
  }
  const [written, { changes }] = await readBoth();
  if (written.exitCode !== 0) throw gitFailure(mirror.repository, { args: ['write-tree'] }, written);
  return judged(changes, written.stdout.trim());
}

/** Writes the commit object into the mirror; the same arguments give the same id anywhere. */
export async function writeCommit(
  mirror: Mirror,
  ends: { readonly tree: string; readonly parent: string },
  text: CommitText,
): Promise<string> {
  const date = `${Math.floor(Date.parse(text.date) / 1000)} +0000`;
  const call: GitCall = {
    args: ['commit-tree', '-p', ends.parent, '-F', '-', ends.tree],
    stdin: text.message,
    env: {
      GIT_AUTHOR_NAME: text.author.name,
      GIT_AUTHOR_EMAIL: text.author.email,
      GIT_AUTHOR_DATE: date,
      GIT_COMMITTER_NAME: text.author.name,
      GIT_COMMITTER_EMAIL: text.author.email,
      GIT_COMMITTER_DATE: date,
    },
  };
  const result = await mirror.call(call);
  if (result.exitCode === 0) return result.stdout.trim();
  throw gitFailure(mirror.repository, call, result);
}

function refused(reason: RevertRefusal, detail: string): Extract<RevertedTree, { kind: 'refused' }> {
  return { kind: 'refused', reason, detail };
}

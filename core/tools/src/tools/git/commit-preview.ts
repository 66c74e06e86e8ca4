import { toTimestamp } from '@carapulse/kernel';
import { z } from 'zod';
import { shellLine } from '../../shell-quote.ts';
import { defineAction } from '../../tool-definition.ts';
import { changed, CommitInput, FileScalar } from './commit-input.ts';
import { COMMIT_REFUSALS, computeEdit } from './compute-edit.ts';
import { readEnds, writeCommit } from './compute-revert.ts';
import { READ_MS } from './git-command.ts';
import type { GitRuntime } from './git-command.ts';
import type { Mirror } from './git-mirror.ts';
import { BranchName, findRepository, RepositoryName } from './git-settings.ts';
import type { GitSettings } from './git-settings.ts';
import { proposedBranch } from './proposed-branch.ts';
import { CommitAuthor, CommitDate, CommitMessage, RevertInput } from './revert-input.ts';
import { withMirror } from './with-mirror.ts';

const Input = z.strictObject({
  repository: RepositoryName,
  branch: BranchName.optional(),
  ...changed,
  /** The commit's date: a literal, so that the same preview gives the same ids. */
  date: CommitDate,
  author: CommitAuthor.default({ name: 'Carapulse', email: 'carapulse@localhost' }),
  message: CommitMessage.optional(),
});
type Input = z.infer<typeof Input>;

const base = {
  repository: z.string(),
  branch: z.string(),
  path: z.string(),
  pointer: z.string(),
  base_revision: z.string(),
};

export const CommitPreview = z.discriminatedUnion('kind', [
  z.strictObject({
    ...base,
    kind: z.literal('committable'),
    from: FileScalar.nullable(),
    base_tree: z.string(),
    expected_tree: z.string(),
    expected_commit: z.string(),
    /** The branch on which `propose` would put it. */
    proposed_branch: z.string(),
    /** The commit that the undo makes, which has the tree of the base. */
    undo_commit: z.string(),
    diff: z.string(),
    diff_truncated: z.boolean(),
    lines_changed: z.int(),
    /** Inputs of `commit`, and of the `revert` that undoes it. */
    forward: CommitInput,
    undo: RevertInput,
  }),
  z.strictObject({
    ...base,
    kind: z.literal('refused'),
    reason: z.enum(COMMIT_REFUSALS),
    detail: z.string(),
  }),
]);
export type CommitPreview = z.infer<typeof CommitPreview>;

/** Computes a commit and its undo without pushing: both ids are known before anybody approves them. */
export const commitPreview = defineAction<GitSettings, Input, CommitPreview>({
  name: 'commit_preview',
  description:
    'What changing one value of a file would be as a commit, with the inputs of it and of its undo',
  kind: 'read',
  repeat: 'convergent',
  revision: 1,
  input: Input,
  output: CommitPreview,
  effects: (input) => [{ kind: 'read', target: `git:${input.repository}` }],
  transports: [
    {
      kind: 'cli',
      program: 'git',
      run: (input, runtime) =>
        withMirror(runtime, input.repository, input.branch, (mirror) => previewIn(mirror, input, runtime)),
    },
  ],
  commands: (input, settings) => {
    const { url, name, defaultBranch } = findRepository(settings, input.repository);
    return [
      shellLine(['git', 'clone', '--branch', input.branch ?? defaultBranch, '--', url, name]),
      shellLine(['git', '-C', name, 'show', `HEAD:${input.path}`]),
    ];
  },
  timeoutMs: READ_MS,
  maxOutputBytes: 4_000_000,
});

async function previewIn(mirror: Mirror, input: Input, runtime: GitRuntime): Promise<CommitPreview> {
  const { path, pointer, value, author, date } = input;
  const { tip } = await readEnds(mirror, await mirror.idOf(mirror.ref));
  const where = { repository: input.repository, branch: mirror.branch };
  const common = { ...where, path, pointer, base_revision: tip.commit };
  const edited = await computeEdit(runtime, mirror, { base: tip.commit, path, pointer, value });
  if (edited.kind === 'refused') return { ...common, ...edited };
  const { tree, from, changes } = edited;
  const subject = `Set ${pointer} of ${path} to ${JSON.stringify(value)}`;
  const text = { message: input.message ?? `${subject}\n`, author, date };
  const commit = await writeCommit(mirror, { tree, parent: tip.commit }, text);
  const undoText = {
    message: `Revert "${subject}"\n\nThis reverts commit ${commit}.\n`,
    author,
    date: toTimestamp(Date.parse(date) + 1000),
  };
  const undoCommit = await writeCommit(mirror, { tree: tip.tree, parent: commit }, undoText);
  const size = { lines_changed: changes.lines_changed };
  return {
    ...common,
    kind: 'committable',
    from,
    base_tree: tip.tree,
    expected_tree: tree,
    expected_commit: commit,
    proposed_branch: proposedBranch(commit),
    undo_commit: undoCommit,
    diff: changes.diff ?? '',
    diff_truncated: changes.diff_truncated,
    ...size,
    forward: { ...common, value, from, expected_tree: tree, expected_commit: commit, ...text, ...size },
    undo: {
      ...where,
      commit,
      base_revision: commit,
      expected_tree: tip.tree,
      expected_commit: undoCommit,
      ...undoText,
      paths: [path],
      files_changed: 1,
      ...size,
    },
  };
}

import { toTimestamp } from '@carapulse/kernel';
import { z } from 'zod';
import { shellLine } from '../../shell-quote.ts';
import { defineAction } from '../../tool-definition.ts';
import { computeRevert, readEnds, REVERT_REFUSALS, writeCommit } from './compute-revert.ts';
import type { Mirror } from './git-mirror.ts';
import { READ_MS } from './git-command.ts';
import type { GitRuntime } from './git-command.ts';
import { BranchName, findRepository, ObjectId, RepositoryName } from './git-settings.ts';
import type { GitSettings } from './git-settings.ts';
import { CommitAuthor, CommitDate, CommitMessage, RevertInput } from './revert-input.ts';
import { withMirror } from './with-mirror.ts';

const Input = z.strictObject({
  repository: RepositoryName,
  branch: BranchName.optional(),
  commit: ObjectId,
  /** The commit's date: a literal, so that the same preview gives the same ids. */
  date: CommitDate,
  author: CommitAuthor.default({ name: 'Carapulse', email: 'carapulse@localhost' }),
  message: CommitMessage.optional(),
});
type Input = z.infer<typeof Input>;

const base = { repository: z.string(), branch: z.string(), commit: z.string(), base_revision: z.string() };

export const RevertPreview = z.discriminatedUnion('kind', [
  z.strictObject({
    ...base,
    kind: z.literal('revertible'),
    subject: z.string(),
    base_tree: z.string(),
    expected_tree: z.string(),
    expected_commit: z.string(),
    diff: z.string(),
    diff_truncated: z.boolean(),
    paths: z.array(z.string()),
    files_changed: z.int(),
    lines_changed: z.int(),
    /** Inputs of `revert`: the repair and its exact undo. */
    forward: RevertInput,
    undo: RevertInput,
  }),
  z.strictObject({
    ...base,
    kind: z.literal('refused'),
    reason: z.enum(REVERT_REFUSALS),
    detail: z.string(),
  }),
]);
export type RevertPreview = z.infer<typeof RevertPreview>;

/** Computes a revert and its undo without pushing: both commits' ids are known before anybody approves them. */
export const revertPreview = defineAction<GitSettings, Input, RevertPreview>({
  name: 'revert_preview',
  description: 'What reverting a commit would change, with the inputs of the revert and of its undo',
  kind: 'read',
  repeat: 'convergent',
  revision: 1,
  input: Input,
  output: RevertPreview,
  effects: (input) => [{ kind: 'read', target: `git:${input.repository}` }],
  transports: [{ kind: 'cli', program: 'git', run: preview }],
  commands: (input, settings) => {
    const { url, name, defaultBranch } = findRepository(settings, input.repository);
    return [
      shellLine(['git', 'clone', '--branch', input.branch ?? defaultBranch, '--', url, name]),
      shellLine(['git', '-C', name, 'revert', '--no-commit', input.commit]),
      shellLine(['git', '-C', name, 'diff', '--cached']),
    ];
  },
  timeoutMs: READ_MS,
  maxOutputBytes: 4_000_000,
});

function preview(input: Input, runtime: GitRuntime): Promise<RevertPreview> {
  return withMirror(runtime, input.repository, input.branch, (mirror) => previewIn(mirror, input, runtime));
}

async function previewIn(mirror: Mirror, input: Input, runtime: GitRuntime): Promise<RevertPreview> {
  const { tip, commit: record } = await readEnds(mirror, input.commit);
  if (record === null) throw mirror.unknown(input.commit);
  const { revision: commit } = record;
  const common = { repository: input.repository, branch: mirror.branch, commit, base_revision: tip.commit };
  const reverted = await computeRevert(runtime, mirror, { commit: record, tip });
  if (reverted.kind === 'refused') return { ...common, ...reverted };
  const subject = plain(record.subject);
  const { changes, tree } = reverted;
  const size = {
    paths: changes.files.map((file) => file.path),
    files_changed: changes.files_changed,
    lines_changed: changes.lines_changed,
  };
  const text = {
    message: input.message ?? `Revert "${subject}"\n\nThis reverts commit ${commit}.\n`,
    author: input.author,
    date: input.date,
  };
  const expectedCommit = await writeCommit(mirror, { tree, parent: tip.commit }, text);
  const undoText = {
    message: `Reapply "${subject}"\n\nThis reverts commit ${expectedCommit}.\n`,
    author: input.author,
    date: toTimestamp(Date.parse(input.date) + 1000),
  };
  const undoCommit = await writeCommit(mirror, { tree: tip.tree, parent: expectedCommit }, undoText);
  return {
    ...common,
    kind: 'revertible',
    subject,
    base_tree: tip.tree,
    expected_tree: tree,
    expected_commit: expectedCommit,
    diff: changes.diff,
    diff_truncated: changes.diff_truncated,
    ...size,
    forward: { ...common, expected_tree: tree, expected_commit: expectedCommit, ...text, ...size },
    undo: {
      repository: input.repository,
      branch: mirror.branch,
      commit: expectedCommit,
      base_revision: expectedCommit,
      expected_tree: tip.tree,
      expected_commit: undoCommit,
      ...undoText,
      ...size,
    },
  };
}

/** A subject is somebody's text: one line, no control characters, bounded. */
function plain(subject: string): string {
  return subject
    .toWellFormed()
    .replaceAll(/\p{Cc}+/gu, ' ')
    .slice(0, 200);
}

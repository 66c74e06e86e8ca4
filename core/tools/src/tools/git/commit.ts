import { z } from 'zod';
import { stale } from '../../before-effect.ts';
import { shellLine } from '../../shell-quote.ts';
import { defineAction } from '../../tool-definition.ts';
import { CommitInput } from './commit-input.ts';
import { computeEdit } from './compute-edit.ts';
import { writeCommit } from './compute-revert.ts';
import type { GitRuntime } from './git-command.ts';
import type { Mirror } from './git-mirror.ts';
import { branchTarget, findRepository } from './git-settings.ts';
import type { GitSettings } from './git-settings.ts';
import { assertUnmoved, observedCommit, pushCommit } from './push-commit.ts';
import type { PlannedCommit } from './push-commit.ts';
import { withMirror } from './with-mirror.ts';

const Output = z.strictObject({
  repository: z.string(),
  branch: z.string(),
  path: z.string(),
  /** Where the branch was before and what was pushed. */
  base_revision: z.string(),
  revision: z.string(),
  tree: z.string(),
});
type Output = z.infer<typeof Output>;

/**
 * Pushes one commit that changes one value of one file. The branch must be at `base_revision` and the commit come out
 * as `expected_commit`, else nothing is pushed (`plan_stale`); its undo is `revert`, as `commit_preview` gives it.
 */
export const commit = defineAction<GitSettings, CommitInput, Output>({
  name: 'commit',
  description: 'Changes one value of a YAML or JSON file on a branch and pushes the commit',
  kind: 'write',
  repeat: 'observable',
  revision: 1,
  input: CommitInput,
  output: Output,
  effects: (input) => [
    {
      kind: 'git_push',
      target: branchTarget(input.repository, input.branch),
      branch: input.branch,
      paths: [input.path],
      files_changed: 1,
      lines_changed: input.lines_changed,
    },
  ],
  transports: [{ kind: 'cli', program: 'git', run: makeCommit }],
  observe: (input, runtime) =>
    withMirror(runtime, input.repository, input.branch, async (mirror) =>
      observedCommit(mirror, plannedOf(input), await mirror.idOf(mirror.ref)),
    ),
  readBack: (input) => Promise.resolve(outputOf(input)),
  commands: (input, settings) => {
    const { url, name } = findRepository(settings, input.repository);
    const lease = `--force-with-lease=refs/heads/${input.branch}:${input.base_revision}`;
    return [
      shellLine(['git', 'clone', '--branch', input.branch, '--', url, name]),
      // The change itself is no command; its diff is in the plan.
      shellLine([
        'git',
        '-C',
        name,
        'commit',
        `--message=${input.message.split('\n')[0] ?? ''}`,
        '--',
        input.path,
      ]),
      shellLine(['git', '-C', name, 'push', lease, 'origin', `HEAD:refs/heads/${input.branch}`]),
    ];
  },
  timeoutMs: 120_000,
  maxOutputBytes: 4_000_000,
});

function makeCommit(input: CommitInput, runtime: GitRuntime): Promise<Output> {
  return withMirror(runtime, input.repository, input.branch, async (mirror) => {
    const planned = plannedOf(input);
    const tip = await mirror.idOf(mirror.ref);
    if ((await observedCommit(mirror, planned, tip)) === 'done') return outputOf(input);
    await assertUnmoved(mirror, planned, tip);
    await assertAsPlanned(runtime, mirror, input);
    await pushCommit(runtime, mirror, planned);
    return outputOf(input);
  });
}

/** @throws AppError `plan_stale` unless the change comes out as the planned commit, which the mirror has then. */
export async function assertAsPlanned(
  runtime: GitRuntime,
  mirror: Mirror,
  input: CommitInput,
): Promise<void> {
  const { path, pointer, value, base_revision: base } = input;
  const edited = await computeEdit(runtime, mirror, { base, path, pointer, value });
  if (edited.kind === 'refused') throw stale(edited.reason, edited.detail);
  const { tree, from, changes } = edited;
  const { files_changed: files, lines_changed: lines } = changes;
  if (from !== input.from || files !== 1 || lines !== input.lines_changed) {
    throw stale('changes_differ', `Setting ${pointer} of ${path} changes something else than was planned.`);
  }
  if (tree !== input.expected_tree) {
    throw stale('tree_differs', `Setting ${pointer} gives tree ${tree}, not ${input.expected_tree}.`);
  }
  const made = await writeCommit(mirror, { tree, parent: base }, input);
  if (made !== input.expected_commit) {
    throw stale('commit_differs', `The commit is ${made}, not ${input.expected_commit}.`);
  }
}

export function plannedOf(input: CommitInput): PlannedCommit {
  return { ...input, paths: [input.path] };
}

function outputOf(input: CommitInput): Output {
  return {
    repository: input.repository,
    branch: input.branch,
    path: input.path,
    base_revision: input.base_revision,
    revision: input.expected_commit,
    tree: input.expected_tree,
  };
}

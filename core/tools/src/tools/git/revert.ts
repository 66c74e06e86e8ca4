import { canonicalJson } from '@carapulse/kernel';
import { z } from 'zod';
import { stale } from '../../before-effect.ts';
import { shellLine } from '../../shell-quote.ts';
import { defineAction } from '../../tool-definition.ts';
import { computeRevert, readEnds, writeCommit } from './compute-revert.ts';
import type { RevertEnds } from './compute-revert.ts';
import type { GitRuntime } from './git-command.ts';
import type { Mirror } from './git-mirror.ts';
import { branchTarget, findRepository } from './git-settings.ts';
import type { GitSettings } from './git-settings.ts';
import { assertUnmoved, observedCommit, pushCommit } from './push-commit.ts';
import { RevertInput } from './revert-input.ts';
import { withMirror } from './with-mirror.ts';

const Output = z.strictObject({
  repository: z.string(),
  branch: z.string(),
  reverted: z.string(),
  /** Where the branch was before and what was pushed. */
  base_revision: z.string(),
  revision: z.string(),
  tree: z.string(),
});
type Output = z.infer<typeof Output>;

/**
 * Pushes one commit that takes another back. The branch must be at `base_revision` and the commit come out as
 * `expected_commit`, else nothing is pushed (`plan_stale`); its undo is the same action on that commit.
 */
export const revert = defineAction<GitSettings, RevertInput, Output>({
  name: 'revert',
  description: 'Reverts one commit on a branch and pushes the result',
  kind: 'write',
  repeat: 'observable',
  revision: 1,
  input: RevertInput,
  output: Output,
  effects: (input) => [
    {
      kind: 'git_push',
      target: branchTarget(input.repository, input.branch),
      branch: input.branch,
      paths: [...input.paths],
      files_changed: input.files_changed,
      lines_changed: input.lines_changed,
    },
  ],
  transports: [{ kind: 'cli', program: 'git', run: pushRevert }],
  observe: (input, runtime) =>
    withMirror(runtime, input.repository, input.branch, async (mirror) =>
      observedCommit(mirror, input, await mirror.idOf(mirror.ref)),
    ),
  readBack: (input) => Promise.resolve(outputOf(input)),
  commands: (input, settings) => {
    const { url, name } = findRepository(settings, input.repository);
    const lease = `--force-with-lease=refs/heads/${input.branch}:${input.base_revision}`;
    return [
      shellLine(['git', 'clone', '--branch', input.branch, '--', url, name]),
      shellLine(['git', '-C', name, 'revert', '--no-edit', input.commit]),
      shellLine(['git', '-C', name, 'push', lease, 'origin', `HEAD:refs/heads/${input.branch}`]),
    ];
  },
  timeoutMs: 120_000,
  maxOutputBytes: 4_000_000,
});

function pushRevert(input: RevertInput, runtime: GitRuntime): Promise<Output> {
  return withMirror(runtime, input.repository, input.branch, async (mirror) => {
    const ends = await readEnds(mirror, input.commit);
    const tip = ends.tip.commit;
    if ((await observedCommit(mirror, input, tip)) === 'done') return outputOf(input);
    await assertUnmoved(mirror, input, tip);
    await assertAsPlanned(runtime, mirror, input, ends);
    await pushCommit(runtime, mirror, input);
    return outputOf(input);
  });
}

async function assertAsPlanned(
  runtime: GitRuntime,
  mirror: Mirror,
  input: RevertInput,
  { commit: record, tip }: RevertEnds,
): Promise<void> {
  if (record === null) {
    throw stale('not_on_branch', `Commit ${input.commit} is not in the history of ${input.base_revision}.`);
  }
  const reverted = await computeRevert(runtime, mirror, { commit: record, tip });
  if (reverted.kind === 'refused') throw stale(reverted.reason, reverted.detail);
  const { changes, tree } = reverted;
  const found = [changes.files.map((file) => file.path), changes.files_changed, changes.lines_changed];
  if (canonicalJson(found) !== canonicalJson([input.paths, input.files_changed, input.lines_changed])) {
    throw stale('changes_differ', `Reverting ${input.commit} changes other files or lines than was planned.`);
  }
  if (tree !== input.expected_tree) {
    throw stale('tree_differs', `Reverting ${input.commit} gives tree ${tree}, not ${input.expected_tree}.`);
  }
  const commit = await writeCommit(mirror, { tree, parent: input.base_revision }, input);
  if (commit !== input.expected_commit) {
    throw stale('commit_differs', `The revert is commit ${commit}, not ${input.expected_commit}.`);
  }
}

function outputOf(input: RevertInput): Output {
  return {
    repository: input.repository,
    branch: input.branch,
    reverted: input.commit,
    base_revision: input.base_revision,
    revision: input.expected_commit,
    tree: input.expected_tree,
  };
}

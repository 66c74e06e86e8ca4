import { z } from 'zod';
import { stale } from '../../before-effect.ts';
import { shellLine } from '../../shell-quote.ts';
import { defineAction } from '../../tool-definition.ts';
import { CommitInput } from './commit-input.ts';
import { assertAsPlanned, plannedOf } from './commit.ts';
import type { GitRuntime } from './git-command.ts';
import { branchTarget, findRepository } from './git-settings.ts';
import type { GitSettings } from './git-settings.ts';
import { proposedBranch, readProposed } from './proposed-branch.ts';
import { assertUnmoved, pushCommit } from './push-commit.ts';
import { withMirror } from './with-mirror.ts';

const Output = z.strictObject({ repository: z.string(), branch: z.string(), revision: z.string() });
type Output = z.infer<typeof Output>;

/**
 * Pushes the commit that `commit` would push, on a branch of its own, which must not be there. The branch that it is for
 * must be at `base_revision` (`plan_stale`) and stays there. Its undo is `withdraw`.
 */
export const propose = defineAction<GitSettings, CommitInput, Output>({
  name: 'propose',
  description: 'Pushes a commit that changes one value of a file on a branch of its own',
  kind: 'write',
  repeat: 'observable',
  revision: 1,
  input: CommitInput,
  output: Output,
  effects: (input) => {
    const branch = proposedBranch(input.expected_commit);
    return [
      {
        kind: 'git_push',
        target: branchTarget(input.repository, branch),
        branch,
        paths: [input.path],
        files_changed: 1,
        lines_changed: input.lines_changed,
      },
    ];
  },
  transports: [{ kind: 'cli', program: 'git', run: pushProposal }],
  observe: (input, runtime) =>
    withMirror(runtime, input.repository, input.branch, async (mirror) =>
      (await readProposed(mirror, input.expected_commit)) === input.expected_commit ? 'done' : 'not_done',
    ),
  readBack: (input) => Promise.resolve(outputOf(input)),
  commands: (input, settings) => {
    const { url, name } = findRepository(settings, input.repository);
    const branch = proposedBranch(input.expected_commit);
    const message = `--message=${input.message.split('\n')[0] ?? ''}`;
    return [
      shellLine(['git', 'clone', '--branch', input.branch, '--', url, name]),
      shellLine(['git', '-C', name, 'switch', '--create', branch]),
      // The change itself is no command; its diff is in the plan.
      shellLine(['git', '-C', name, 'commit', message, '--', input.path]),
      shellLine(['git', '-C', name, 'push', 'origin', branch]),
    ];
  },
  timeoutMs: 120_000,
  maxOutputBytes: 4_000_000,
});

function pushProposal(input: CommitInput, runtime: GitRuntime): Promise<Output> {
  return withMirror(runtime, input.repository, input.branch, async (mirror) => {
    const { expected_commit: commit } = input;
    const branch = proposedBranch(commit);
    const found = await readProposed(mirror, commit);
    if (found === commit) return outputOf(input);
    if (found !== null) {
      throw stale(
        'branch_taken',
        `Branch ${branch} of ${input.repository} is at ${found}, not at ${commit}.`,
      );
    }
    await assertUnmoved(mirror, plannedOf(input), await mirror.idOf(mirror.ref));
    await assertAsPlanned(runtime, mirror, input);
    // Leased on nothing: the branch must not be there.
    await pushCommit(runtime, mirror, { ...plannedOf(input), branch, base_revision: '' });
    return outputOf(input);
  });
}

function outputOf({ repository, expected_commit: revision }: CommitInput): Output {
  return { repository, branch: proposedBranch(revision), revision };
}

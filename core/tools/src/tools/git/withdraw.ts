import { z } from 'zod';
import { stale } from '../../before-effect.ts';
import { shellLine } from '../../shell-quote.ts';
import { defineAction } from '../../tool-definition.ts';
import { gitFailure } from './git-command.ts';
import type { GitCall, GitRuntime } from './git-command.ts';
import { branchTarget, findRepository } from './git-settings.ts';
import type { GitSettings } from './git-settings.ts';
import { proposedBranch, ProposalInput, readProposed } from './proposed-branch.ts';
import { withMirror } from './with-mirror.ts';

const Output = z.strictObject({
  repository: z.string(),
  branch: z.string(),
  /** False where it was gone already. */
  deleted: z.boolean(),
});
type Output = z.infer<typeof Output>;

/** Deletes the branch of a proposed commit while it is still at it; commits that came after make it `plan_stale`. */
export const withdraw = defineAction<GitSettings, ProposalInput, Output>({
  name: 'withdraw',
  description: 'Deletes the branch of a proposed commit, as long as nothing was added to it',
  kind: 'write',
  repeat: 'convergent',
  revision: 1,
  input: ProposalInput,
  output: Output,
  effects: ({ repository, commit }) => {
    const branch = proposedBranch(commit);
    const target = branchTarget(repository, branch);
    return [{ kind: 'git_push', target, branch, paths: [], files_changed: 0, lines_changed: 0 }];
  },
  transports: [{ kind: 'cli', program: 'git', run: deleteProposal }],
  commands: ({ repository, commit }, settings) => {
    const { url } = findRepository(settings, repository);
    const ref = `refs/heads/${proposedBranch(commit)}`;
    return [shellLine(['git', 'push', `--force-with-lease=${ref}:${commit}`, '--', url, `:${ref}`])];
  },
  timeoutMs: 120_000,
  maxOutputBytes: 4_000_000,
});

function deleteProposal({ repository, commit }: ProposalInput, runtime: GitRuntime): Promise<Output> {
  const branch = proposedBranch(commit);
  return withMirror(runtime, repository, undefined, async (mirror) => {
    const before = await readProposed(mirror, commit);
    if (before === null) return { repository, branch, deleted: false };
    if (before !== commit) throw moved(repository, branch, before);
    runtime.signal.throwIfAborted();
    const ref = `refs/heads/${branch}`;
    const call: GitCall = {
      access: 'write',
      args: [
        'push',
        '--porcelain',
        '--no-verify',
        `--force-with-lease=${ref}:${commit}`,
        '--end-of-options',
        mirror.repository.url,
        `:${ref}`,
      ],
    };
    const pushed = await mirror.call(call);
    if (pushed.exitCode === 0) return { repository, branch, deleted: true };
    const after = await readProposed(mirror, commit);
    if (after === null) return { repository, branch, deleted: false };
    if (after !== commit) throw moved(repository, branch, after);
    throw gitFailure(mirror.repository, call, pushed, 'push_failed');
  });
}

function moved(repository: string, branch: string, at: string) {
  return stale('branch_moved', `Branch ${branch} of ${repository} is at ${at}: somebody added to it.`);
}

import { z } from 'zod';
import { shellLine } from '../../shell-quote.ts';
import { defineAction } from '../../tool-definition.ts';
import { READ_MS } from './git-command.ts';
import { findRepository } from './git-settings.ts';
import type { GitSettings } from './git-settings.ts';
import { proposedBranch, ProposalInput, readProposed } from './proposed-branch.ts';
import { withMirror } from './with-mirror.ts';

const Output = z.strictObject({
  repository: z.string(),
  branch: z.string(),
  /** Whether it is at the commit; `moved`: at another one. */
  state: z.enum(['absent', 'proposed', 'moved']),
  revision: z.string().nullable(),
});

/** Where the branch of a proposed commit is. */
export const proposal = defineAction<GitSettings, ProposalInput, z.infer<typeof Output>>({
  name: 'proposal',
  description: 'Where the branch of a proposed commit is',
  kind: 'read',
  repeat: 'convergent',
  revision: 1,
  input: ProposalInput,
  output: Output,
  effects: ({ repository }) => [{ kind: 'read', target: `git:${repository}` }],
  transports: [
    {
      kind: 'cli',
      program: 'git',
      run: ({ repository, commit }, runtime) =>
        withMirror(runtime, repository, undefined, async (mirror) => {
          const revision = await readProposed(mirror, commit);
          const there = revision === commit ? 'proposed' : 'moved';
          return {
            repository,
            branch: proposedBranch(commit),
            state: revision === null ? 'absent' : there,
            revision,
          };
        }),
    },
  ],
  commands: ({ repository, commit }, settings) => {
    const { url } = findRepository(settings, repository);
    return [shellLine(['git', 'ls-remote', '--', url, `refs/heads/${proposedBranch(commit)}`])];
  },
  timeoutMs: READ_MS,
  maxOutputBytes: 100_000,
});

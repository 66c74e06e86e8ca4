import { AppError } from '@carapulse/kernel';
import { z } from 'zod';
import { excerpt } from './git-command.ts';
import type { Mirror } from './git-mirror.ts';
import { ObjectId, RepositoryName } from './git-settings.ts';

/** A commit that was proposed: its branch is known by it. */
export const ProposalInput = z.strictObject({ repository: RepositoryName, commit: ObjectId });
export type ProposalInput = z.infer<typeof ProposalInput>;

/** The branch on which a commit is proposed: nothing else is ever put there, so it needs no listing. */
export function proposedBranch(commit: string): string {
  return `carapulse/${commit.slice(0, 16)}`;
}

/**
 * Where the commit's branch is at the origin; null where there is none.
 * @throws AppError `unavailable` (retryable).
 */
export async function readProposed(mirror: Mirror, commit: string): Promise<string | null> {
  const ref = `refs/heads/${proposedBranch(commit)}`;
  const { url, name } = mirror.repository;
  const said = await mirror.call({ access: 'read', args: ['ls-remote', '--end-of-options', url, ref] });
  if (said.exitCode !== 0) {
    throw new AppError('unavailable', `${name} could not be read: ${excerpt(said.stderr)}`, {
      retryable: true,
      details: { class: 'transient', effect: 'none', reason: 'fetch_failed' },
    });
  }
  // A pattern also matches what ends like it.
  const line = said.stdout.split('\n').find((each) => each.endsWith(`\t${ref}`));
  return line?.split('\t')[0] ?? null;
}

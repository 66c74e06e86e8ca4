import { AppError } from '@carapulse/kernel';
import { z } from 'zod';
import { repositoryTarget } from '../../forge/forge-action.ts';
import type { ForgeActions } from '../../forge/forge-action.ts';
import type { ForgeApi } from '../../forge/forge-api.ts';
import { IfMerged } from '../../forge/if-merged.ts';
import { WriteKey } from '../../key-mark.ts';
import { writeEach } from '../../write-each.ts';
import { BranchName } from '../git/git-settings.ts';
import { isMerged, place, PullNumber } from './pull-request.ts';
import type { RawPull } from './pull-request.ts';
import { pullsOfKey, pullsPath, readPull } from './pulls-api.ts';

const CloseInput = z.union([
  z.strictObject({ ...place, number: PullNumber, if_merged: IfMerged }),
  /** What `create_pull_request` made. */
  z.strictObject({ ...place, head: BranchName, key: WriteKey, if_merged: IfMerged }),
]);
type CloseInput = z.infer<typeof CloseInput>;

const CloseOutput = z.strictObject({
  closed: z.array(z.int()),
  /** Those that are closed or merged. */
  already_closed: z.array(z.int()),
});

/** Closes a pull request by its number, or those that were made under a key; no branch is removed. */
export const closePullRequest = (actions: ForgeActions) =>
  actions.write<CloseInput, z.infer<typeof CloseOutput>>({
    name: 'close_pull_request',
    description: 'Closes a pull request without merging it',
    repeat: 'convergent',
    input: CloseInput,
    output: CloseOutput,
    effects: (input) => {
      const inside = 'number' in input ? ['pull', String(input.number)] : ['head', input.head];
      return [{ kind: 'review_request', target: repositoryTarget('gh', input, ...inside), change: 'close' }];
    },
    run: async (input, api) => {
      const found = await pullsToClose(input, api);
      const merged = input.if_merged === 'fail' ? found.find(isMerged) : undefined;
      if (merged !== undefined) throw mergedAlready(input.repository, merged);
      const open = found.filter(({ state }) => state === 'open');
      await writeEach(open, async ({ number }) => {
        await api.write('PATCH', pullsPath(input.repository, number), { state: 'closed' });
      });
      return {
        closed: open.map(({ number }) => number),
        already_closed: found.filter(({ state }) => state === 'closed').map(({ number }) => number),
      };
    },
    commands: (input) =>
      'number' in input
        ? [['pr', 'close', `--repo=${input.repository}`, String(input.number)]]
        : [['pr', 'close', `--repo=${input.repository}`, input.head]],
  });

async function pullsToClose(input: CloseInput, api: ForgeApi): Promise<readonly RawPull[]> {
  if ('key' in input) return await pullsOfKey(api, input);
  return [await readPull(api, input.repository, input.number)];
}

function mergedAlready(repository: string, { number }: RawPull): AppError {
  return new AppError(
    'tool_failed',
    `Pull request ${number} of ${repository} is merged and can't be closed; take its commit back with a revert.`,
    { details: { class: 'conflict', effect: 'none', reason: 'merged_already' } },
  );
}

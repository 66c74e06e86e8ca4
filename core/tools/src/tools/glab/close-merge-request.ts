import { AppError } from '@carapulse/kernel';
import { z } from 'zod';
import { repositoryTarget } from '../../forge/forge-action.ts';
import type { ForgeActions } from '../../forge/forge-action.ts';
import type { ForgeApi } from '../../forge/forge-api.ts';
import { IfMerged } from '../../forge/if-merged.ts';
import { WriteKey } from '../../key-mark.ts';
import { writeEach } from '../../write-each.ts';
import { BranchName } from '../git/git-settings.ts';
import { MergeIid, place } from './merge-request.ts';
import type { RawMerge } from './merge-request.ts';
import { mergesOfKey, mergesPath, readMerge } from './merges-api.ts';

const CloseInput = z.union([
  z.strictObject({ ...place, iid: MergeIid, if_merged: IfMerged }),
  /** What `create_merge_request` made. */
  z.strictObject({ ...place, source: BranchName, key: WriteKey, if_merged: IfMerged }),
]);
type CloseInput = z.infer<typeof CloseInput>;

const CloseOutput = z.strictObject({
  closed: z.array(z.int()),
  /** Those that are closed or merged. */
  already_closed: z.array(z.int()),
});

/** Closes a merge request by its number, or those that were made under a key; no branch is removed. */
export const closeMergeRequest = (actions: ForgeActions) =>
  actions.write<CloseInput, z.infer<typeof CloseOutput>>({
    name: 'close_merge_request',
    description: 'Closes a merge request without merging it',
    repeat: 'convergent',
    input: CloseInput,
    output: CloseOutput,
    effects: (input) => {
      const inside = 'iid' in input ? ['merge_request', String(input.iid)] : ['source', input.source];
      return [
        { kind: 'review_request', target: repositoryTarget('glab', input, ...inside), change: 'close' },
      ];
    },
    run: async (input, api) => {
      const found = await mergesToClose(input, api);
      const merged = input.if_merged === 'fail' ? found.find(({ state }) => state === 'merged') : undefined;
      if (merged !== undefined) throw mergedAlready(input.repository, merged);
      const open = found.filter(({ state }) => state !== 'closed' && state !== 'merged');
      await writeEach(open, async ({ iid }) => {
        await api.write('PUT', mergesPath(input.repository, iid), { state_event: 'close' });
      });
      return {
        closed: open.map(({ iid }) => iid),
        already_closed: found.filter((each) => !open.includes(each)).map(({ iid }) => iid),
      };
    },
    commands: (input) => [
      ['mr', 'close', `--repo=${input.repository}`, 'iid' in input ? String(input.iid) : input.source],
    ],
  });

async function mergesToClose(input: CloseInput, api: ForgeApi): Promise<readonly RawMerge[]> {
  if ('key' in input) return await mergesOfKey(api, input);
  return [await readMerge(api, input.repository, input.iid)];
}

function mergedAlready(repository: string, { iid }: RawMerge): AppError {
  return new AppError(
    'tool_failed',
    `Merge request ${iid} of ${repository} is merged and can't be closed; take its commit back with a revert.`,
    { details: { class: 'conflict', effect: 'none', reason: 'merged_already' } },
  );
}

import { z } from 'zod';
import { checkState, CheckState } from '../../forge/check-state.ts';
import type { ForgeActions } from '../../forge/forge-action.ts';
import { WriteKey } from '../../key-mark.ts';
import { BranchName, ObjectId } from '../git/git-settings.ts';
import { MergeIid, MergeRequest, mergeView, place } from './merge-request.ts';
import { mergesOfKey, mergesOfSource, mergesPath, readMerge } from './merges-api.ts';

export const mergeRequest = (actions: ForgeActions) =>
  actions.read({
    name: 'merge_request',
    description: 'One merge request',
    input: z.strictObject({ ...place, iid: MergeIid }),
    output: z.strictObject({ merge_request: MergeRequest }),
    run: async ({ repository, iid }, api) => ({
      merge_request: mergeView(await readMerge(api, repository, iid)),
    }),
    commands: (input) => [['mr', 'view', `--repo=${input.repository}`, String(input.iid)]],
  });

export const mergeRequests = (actions: ForgeActions) =>
  actions.read({
    name: 'merge_requests',
    description: 'Merge requests of a branch',
    input: z.strictObject({
      ...place,
      source: BranchName,
      target: BranchName.optional(),
      state: z.enum(['opened', 'closed', 'merged', 'all']).default('opened'),
    }),
    output: z.strictObject({
      empty: z.boolean(),
      complete: z.boolean(),
      merge_requests: z.array(MergeRequest),
    }),
    run: async (input, api) => {
      const { merges, complete } = await mergesOfSource(api, input);
      return { empty: merges.length === 0, complete, merge_requests: merges.map(mergeView) };
    },
    commands: (input) => [
      [
        'mr',
        'list',
        `--repo=${input.repository}`,
        `--source-branch=${input.source}`,
        ...(input.state === 'opened' ? [] : [`--${input.state}`]),
      ],
    ],
  });

const Pipeline = z.object({ id: z.int(), sha: z.string(), status: z.string() });
const ENDED_WELL = new Set(['success', 'skipped']);
const ENDED_ILL = new Set(['failed', 'canceled']);

/** Pipelines of a merge request at one commit. */
export const checks = (actions: ForgeActions) =>
  actions.read({
    name: 'checks',
    description: 'Pipelines of a merge request at a commit',
    input: z.union([
      z.strictObject({ ...place, iid: MergeIid, sha: ObjectId }),
      /** Of what `create_merge_request` made. */
      z.strictObject({ ...place, source: BranchName, key: WriteKey, sha: ObjectId }),
    ]),
    output: z.strictObject({
      /** That of the newest pipeline; `none`: nothing has run, which is neither good nor bad. */
      state: CheckState,
      /** Absent where nothing has run. */
      passed: z.boolean().optional(),
      complete: z.boolean(),
      pipelines: z.array(z.strictObject({ id: z.int(), status: z.string() })),
    }),
    run: async (input, api) => {
      const { repository, sha } = input;
      const iid = 'iid' in input ? input.iid : (await mergesOfKey(api, input))[0]?.iid;
      if (iid === undefined) return { ...checkState('none'), complete: true, pipelines: [] };
      const { items, complete } = await api.list(mergesPath(repository, iid, 'pipelines'), []);
      const pipelines = items
        .map((item) => Pipeline.parse(item))
        .filter((pipeline) => pipeline.sha === sha)
        .map(({ id, status }) => ({ id, status }))
        .toSorted((a, b) => b.id - a.id);
      return { ...checkState(stateOf(pipelines[0]?.status)), complete, pipelines };
    },
    commands: (input) => [
      ['mr', 'view', `--repo=${input.repository}`, 'iid' in input ? String(input.iid) : input.source],
    ],
  });

function stateOf(newest: string | undefined): CheckState {
  if (newest === undefined) return 'none';
  if (ENDED_WELL.has(newest)) return 'success';
  return ENDED_ILL.has(newest) ? 'failure' : 'pending';
}

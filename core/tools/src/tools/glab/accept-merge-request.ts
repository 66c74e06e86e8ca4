import { z } from 'zod';
import { stale } from '../../before-effect.ts';
import { repositoryTarget } from '../../forge/forge-action.ts';
import type { ForgeActions } from '../../forge/forge-action.ts';
import type { ForgeApi } from '../../forge/forge-api.ts';
import { BranchName, ObjectId } from '../git/git-settings.ts';
import { mergeCommitOf, MergeIid, place, RawMerge } from './merge-request.ts';
import { mergesPath, readMerge } from './merges-api.ts';

const AcceptInput = z.strictObject({
  ...place,
  iid: MergeIid,
  /** Where the branch was when it was reviewed; GitLab merges no other. */
  sha: ObjectId,
  /** What it goes into; another one makes the plan stale. */
  target: BranchName,
  squash: z.boolean().default(false),
});
type AcceptInput = z.infer<typeof AcceptInput>;

const AcceptOutput = z.strictObject({
  iid: z.int(),
  sha: z.string(),
  target: z.string(),
  /** Null where the branch was moved forward. */
  merge_commit: z.string().nullable(),
});
type AcceptOutput = z.infer<typeof AcceptOutput>;

/** An answer that says otherwise is no success; what came of it is read back. */
const Merged = RawMerge.extend({ state: z.literal('merged') });

/** Merges a merge request at the commit that was reviewed; observable: it is merged, at that commit. */
export const acceptMergeRequest = (actions: ForgeActions) =>
  actions.write<AcceptInput, AcceptOutput>({
    name: 'accept_merge_request',
    description: 'Merges a merge request at a known commit',
    repeat: 'observable',
    input: AcceptInput,
    output: AcceptOutput,
    effects: (input) => [
      {
        kind: 'merge',
        target: repositoryTarget('glab', input, 'branch', input.target),
        branch: input.target,
        commit: input.sha,
      },
    ],
    run: async (input, api) => {
      const before = await readMerge(api, input.repository, input.iid);
      const done = mergedAs(input, before);
      if (done !== null) return done;
      assertAsPlanned(input, before);
      const answer = Merged.parse(
        await api.write('PUT', mergesPath(input.repository, input.iid, 'merge'), {
          sha: input.sha,
          squash: input.squash,
        }),
      );
      return { ...whatOf(input), merge_commit: mergeCommitOf(answer) };
    },
    made: async (input: AcceptInput, api: ForgeApi) =>
      mergedAs(input, await readMerge(api, input.repository, input.iid)),
    commands: (input) => [
      [
        'mr',
        'merge',
        `--repo=${input.repository}`,
        `--sha=${input.sha}`,
        ...(input.squash ? ['--squash'] : []),
        String(input.iid),
      ],
    ],
  });

function whatOf({ iid, sha, target }: AcceptInput): Omit<AcceptOutput, 'merge_commit'> {
  return { iid, sha, target };
}

function mergedAs(input: AcceptInput, raw: RawMerge): AcceptOutput | null {
  const same = raw.state === 'merged' && raw.sha === input.sha && raw.target_branch === input.target;
  return same ? { ...whatOf(input), merge_commit: mergeCommitOf(raw) } : null;
}

function assertAsPlanned(input: AcceptInput, raw: RawMerge): void {
  const what = `Merge request ${input.iid} of ${input.repository}`;
  if (raw.state === 'merged') throw stale('merged_otherwise', `${what} is merged at ${raw.sha} already.`);
  if (raw.state === 'closed') throw stale('closed', `${what} is closed.`);
  if (raw.sha !== input.sha) {
    throw stale('head_moved', `${what} is at ${raw.sha ?? 'no commit'}, not at ${input.sha} as reviewed.`);
  }
  if (raw.target_branch !== input.target) {
    throw stale('base_differs', `${what} goes into ${raw.target_branch}, not into ${input.target}.`);
  }
}

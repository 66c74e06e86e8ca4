import { z } from 'zod';
import { stale } from '../../before-effect.ts';
import { repositoryTarget } from '../../forge/forge-action.ts';
import type { ForgeActions } from '../../forge/forge-action.ts';
import type { ForgeApi } from '../../forge/forge-api.ts';
import { BranchName, ObjectId } from '../git/git-settings.ts';
import { isMerged, place, PullNumber } from './pull-request.ts';
import type { RawPull } from './pull-request.ts';
import { pullsPath, readPull } from './pulls-api.ts';

const MergeInput = z.strictObject({
  ...place,
  number: PullNumber,
  /** Where the branch was when it was reviewed; GitHub merges no other. */
  sha: ObjectId,
  /** What it goes into; another one makes the plan stale. */
  base: BranchName,
  method: z.enum(['merge', 'squash', 'rebase']),
});
type MergeInput = z.infer<typeof MergeInput>;

const MergeOutput = z.strictObject({
  number: z.int(),
  sha: z.string(),
  base: z.string(),
  merge_commit: z.string(),
});
type MergeOutput = z.infer<typeof MergeOutput>;

/** Merges a pull request at the commit that was reviewed; observable: it is merged, at that commit. */
export const mergePullRequest = (actions: ForgeActions) =>
  actions.write<MergeInput, MergeOutput>({
    name: 'merge_pull_request',
    description: 'Merges a pull request at a known commit',
    repeat: 'observable',
    input: MergeInput,
    output: MergeOutput,
    effects: (input) => [
      {
        kind: 'merge',
        target: repositoryTarget('gh', input, 'branch', input.base),
        branch: input.base,
        commit: input.sha,
      },
    ],
    run: async (input, api) => {
      const before = await readPull(api, input.repository, input.number);
      const done = mergedAs(input, before);
      if (done !== null) return done;
      assertAsPlanned(input, before);
      const answer = await api.write('PUT', pullsPath(input.repository, input.number, 'merge'), {
        sha: input.sha,
        merge_method: input.method,
      });
      const { sha: merge_commit } = z.object({ sha: z.string(), merged: z.literal(true) }).parse(answer);
      return { number: input.number, sha: input.sha, base: input.base, merge_commit };
    },
    made: async (input: MergeInput, api: ForgeApi) =>
      mergedAs(input, await readPull(api, input.repository, input.number)),
    commands: (input) => [
      [
        'pr',
        'merge',
        `--repo=${input.repository}`,
        `--match-head-commit=${input.sha}`,
        `--${input.method}`,
        String(input.number),
      ],
    ],
  });

function mergedAs(input: MergeInput, raw: RawPull): MergeOutput | null {
  if (!isMerged(raw) || raw.head.sha !== input.sha || raw.base.ref !== input.base) return null;
  return {
    number: raw.number,
    sha: input.sha,
    base: input.base,
    merge_commit: raw.merge_commit_sha ?? input.sha,
  };
}

function assertAsPlanned(input: MergeInput, raw: RawPull): void {
  const what = `Pull request ${input.number} of ${input.repository}`;
  if (isMerged(raw)) throw stale('merged_otherwise', `${what} is merged at ${raw.head.sha} already.`);
  if (raw.state === 'closed') throw stale('closed', `${what} is closed.`);
  if (raw.head.sha !== input.sha) {
    throw stale('head_moved', `${what} is at ${raw.head.sha}, not at ${input.sha} as reviewed.`);
  }
  if (raw.base.ref !== input.base) {
    throw stale('base_differs', `${what} goes into ${raw.base.ref}, not into ${input.base}.`);
  }
}

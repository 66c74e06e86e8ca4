import { z } from 'zod';
import type { ForgeActions } from '../../forge/forge-action.ts';
import { BranchName, ObjectId } from '../git/git-settings.ts';
import { place, PullNumber, PullRequest, pullView } from './pull-request.ts';
import { pullsOfHead, readPull } from './pulls-api.ts';

export const pullRequest = (actions: ForgeActions) =>
  actions.read({
    name: 'pull_request',
    description: 'One pull request',
    input: z.strictObject({ ...place, number: PullNumber }),
    output: z.strictObject({ pull_request: PullRequest }),
    run: async ({ repository, number }, api) => ({
      pull_request: pullView(await readPull(api, repository, number)),
    }),
    commands: (input) => [['pr', 'view', `--repo=${input.repository}`, String(input.number)]],
  });

export const pullRequests = (actions: ForgeActions) =>
  actions.read({
    name: 'pull_requests',
    description: 'Pull requests of a branch',
    input: z.strictObject({
      ...place,
      head: BranchName,
      base: BranchName.optional(),
      state: z.enum(['open', 'closed', 'all']).default('open'),
    }),
    output: z.strictObject({
      empty: z.boolean(),
      complete: z.boolean(),
      pull_requests: z.array(PullRequest),
    }),
    run: async (input, api) => {
      const { pulls, complete } = await pullsOfHead(api, input);
      return { empty: pulls.length === 0, complete, pull_requests: pulls.map(pullView) };
    },
    commands: (input) => [
      ['pr', 'list', `--repo=${input.repository}`, `--head=${input.head}`, `--state=${input.state}`],
    ],
  });

const RawRun = z.object({ name: z.string(), status: z.string(), conclusion: z.string().nullish() });
const RunPage = z.object({ check_runs: z.array(z.unknown()) });
const GOOD = new Set(['success', 'neutral', 'skipped']);

/** Check runs of a commit, such as those of GitHub Actions; statuses of the older kind are not among them. */
export const checks = (actions: ForgeActions) =>
  actions.read({
    name: 'checks',
    description: 'Check runs of a commit',
    input: z.strictObject({ ...place, sha: ObjectId }),
    output: z.strictObject({
      /** `none`: nothing has run, which is neither good nor bad. */
      state: z.enum(['none', 'pending', 'success', 'failure']),
      complete: z.boolean(),
      checks: z.array(
        z.strictObject({ name: z.string(), status: z.string(), conclusion: z.string().nullable() }),
      ),
    }),
    run: async ({ repository, sha }, api) => {
      const path = `/repos/${repository}/commits/${sha}/check-runs`;
      const { items, complete } = await api.list(path, [], (page) => RunPage.parse(page).check_runs);
      const runs = items.map((item) => {
        const { name, status, conclusion } = RawRun.parse(item);
        return { name, status, conclusion: conclusion ?? null };
      });
      return { state: stateOf(runs, complete), complete, checks: runs };
    },
    commands: (input) => [['api', `repos/${input.repository}/commits/${input.sha}/check-runs`]],
  });

function stateOf(
  runs: ReadonlyArray<{ readonly status: string; readonly conclusion: string | null }>,
  complete: boolean,
): 'none' | 'pending' | 'success' | 'failure' {
  const ended = runs.filter(({ status }) => status === 'completed');
  if (ended.some(({ conclusion }) => !GOOD.has(conclusion ?? ''))) return 'failure';
  if (runs.length === 0) return 'none';
  return ended.length === runs.length && complete ? 'success' : 'pending';
}

import { z } from 'zod';
import { checkState, CheckState } from '../../forge/check-state.ts';
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
const RawStatus = z.object({ context: z.string(), state: z.string() });
const StatusPage = z.object({ statuses: z.array(z.unknown()) });
const GOOD = new Set(['success', 'neutral', 'skipped']);

const Check = z.strictObject({ name: z.string(), status: z.string(), conclusion: z.string().nullable() });
type Check = z.infer<typeof Check>;

/** Check runs of a commit, such as those of GitHub Actions, and the last status of each context, of the older kind. */
export const checks = (actions: ForgeActions) =>
  actions.read({
    name: 'checks',
    description: 'Check runs and statuses of a commit',
    input: z.strictObject({ ...place, sha: ObjectId }),
    output: z.strictObject({
      /** `none`: nothing has run, which is neither good nor bad. */
      state: CheckState,
      /** Absent where nothing has run. */
      passed: z.boolean().optional(),
      complete: z.boolean(),
      checks: z.array(Check),
    }),
    run: async ({ repository, sha }, api) => {
      const path = `/repos/${repository}/commits/${sha}`;
      const runs = await api.list(`${path}/check-runs`, [], (page) => RunPage.parse(page).check_runs);
      const statuses = await api.list(`${path}/status`, [], (page) => StatusPage.parse(page).statuses);
      const all = [...runs.items.map(checkOfRun), ...statuses.items.map(checkOfStatus)];
      const complete = runs.complete && statuses.complete;
      return { ...checkState(stateOf(all, complete)), complete, checks: all };
    },
    commands: (input) => [
      ['api', `repos/${input.repository}/commits/${input.sha}/check-runs`],
      ['api', `repos/${input.repository}/commits/${input.sha}/status`],
    ],
  });

function checkOfRun(item: unknown): Check {
  const { name, status, conclusion } = RawRun.parse(item);
  return { name, status, conclusion: conclusion ?? null };
}

function checkOfStatus(item: unknown): Check {
  const { context: name, state } = RawStatus.parse(item);
  return state === 'pending'
    ? { name, status: 'in_progress', conclusion: null }
    : { name, status: 'completed', conclusion: state === 'success' ? 'success' : 'failure' };
}

function stateOf(runs: readonly Check[], complete: boolean): CheckState {
  const ended = runs.filter(({ status }) => status === 'completed');
  if (ended.some(({ conclusion }) => !GOOD.has(conclusion ?? ''))) return 'failure';
  if (runs.length === 0) return 'none';
  return ended.length === runs.length && complete ? 'success' : 'pending';
}

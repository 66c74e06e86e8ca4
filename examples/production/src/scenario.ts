import { AppError } from '@carapulse/kernel';
import { nextEvent, type ProbeSample, type ProductionEvents } from './events.ts';
import type { Prober, ServiceState } from './prober.ts';
import type { Reconciler } from './reconciler.ts';
import type { Commit, Repository } from './repository.ts';

export interface ScenarioOptions {
  readonly repository: Repository;
  readonly reconciler: Reconciler;
  readonly prober: Prober;
  readonly events: ProductionEvents;
}

/** The steps of the story that take time; each resolves by an event of the production, never by a guess of time. */
export interface Scenario {
  pushBadCommit(signal: AbortSignal): Promise<Commit>;
  pushInnocentCommits(signal: AbortSignal): Promise<readonly Commit[]>;
  waitUntil(
    state: Exclude<ServiceState, 'unknown'>,
    revision: string | undefined,
    signal: AbortSignal,
  ): Promise<ProbeSample>;
}

export function createScenario(options: ScenarioOptions): Scenario {
  const { repository, reconciler, prober, events } = options;

  /** Pushes, and resolves once the new revision is deployed. */
  const pushAndDeploy = async (
    push: (signal: AbortSignal) => Promise<Commit>,
    signal: AbortSignal,
  ): Promise<Commit> => {
    const commit = await push(signal);
    const isIt = ({ revision }: { revision: string }) => revision === commit.revision;
    const deployment = reconciler.history.find(isIt) ?? (await nextEvent(events, 'deployment', isIt, signal));
    if (deployment.status === 'failed') {
      throw new AppError('conflict', `checkout refused ${commit.revision}: ${deployment.message}`);
    }
    return commit;
  };

  return {
    pushBadCommit: (signal) => pushAndDeploy((signal) => repository.pushBad(signal), signal),
    async pushInnocentCommits(signal) {
      const commits: Commit[] = [];
      for (let index = 0; index < repository.innocentCount; index += 1) {
        await sampled(prober, events, reconciler.state().running, signal);
        const push = (signal: AbortSignal) => repository.pushInnocent(index, signal);
        commits.push(await pushAndDeploy(push, signal));
      }
      return commits;
    },
    async waitUntil(state, revision, signal) {
      const shows = (sample: ProbeSample) =>
        prober.state() === state &&
        sample.ok === (state === 'healthy') &&
        (revision === undefined || sample.revision === revision);
      const last = prober.samples.at(-1);
      if (last !== undefined && shows(last)) return last;
      return nextEvent(events, 'sample', shows, signal);
    },
  };
}

/** Waits until the probe has seen `revision`, so that each deployment leaves a mark in the samples. */
async function sampled(
  prober: Prober,
  events: ProductionEvents,
  revision: string,
  signal: AbortSignal,
): Promise<void> {
  const isIt = (sample: ProbeSample) => sample.revision === revision;
  if (prober.samples.some(isIt)) return;
  await nextEvent(events, 'sample', isIt, signal);
}

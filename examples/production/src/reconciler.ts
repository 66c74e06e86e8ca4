// Owner: one production. Boundary: from main of the repository to the release that runs, as Argo CD would.
// 1. It looks at main every POLL_MS and deploys what it finds. A refused revision is not tried again; one that found no
//    service running is, at the next look.
// 2. Releases deploy one after the other; the history holds every attempt, oldest first.
// 3. A refused release leaves the one before running.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError, toAppError, toTimestamp, type Clock } from '@carapulse/kernel';
import type { Deployment, ProductionEvents } from './events.ts';
import type { Repository } from './repository.ts';
import type { Release } from './service.ts';

export interface Reconciler {
  readonly history: readonly Deployment[];
  /** What main said at the last look, and what runs. */
  state(): { readonly desired: string; readonly running: string };
  /** Begins to follow main; until then only the first release exists. */
  start(): void;
  stop(): Promise<void>;
}

export interface ReconcilerOptions {
  readonly repository: Repository;
  readonly first: Release;
  readonly releases: string;
  readonly deploy: (release: Release, signal: AbortSignal) => Promise<void>;
  readonly events: ProductionEvents;
  readonly say: (text: string) => void;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const POLL_MS = 100;
const RELEASES_KEPT = 5;

/** Checks `revision` out under `releases` and returns where it lies. */
export async function prepareRelease(
  repository: Repository,
  releases: string,
  revision: string,
  signal: AbortSignal,
): Promise<Release> {
  const directory = join(releases, revision);
  await repository.checkOut(revision, directory, signal);
  return { revision, directory };
}

export async function createReconciler(options: ReconcilerOptions): Promise<Reconciler> {
  const { repository, first, releases, events, say, clock } = options;
  const lifetime = new AbortController();
  const kept: string[] = [first.directory];
  let desired = first.revision;
  let tried = first.revision;
  let running = first.revision;
  let loop: Promise<void> = Promise.resolve();

  const describe = async (
    revision: string,
    outcome: Pick<Deployment, 'status' | 'message'>,
    signal: AbortSignal,
  ): Promise<Deployment> => {
    const commit = await repository.describe(revision, signal);
    return {
      id: history.length,
      revision,
      author: commit.author,
      subject: commit.subject,
      committed_at: commit.committedAt,
      deployed_at: toTimestamp(clock.nowMs()),
      ...outcome,
    };
  };

  const history: Deployment[] = [];
  history.push(await describe(first.revision, { status: 'succeeded', message: 'started' }, options.signal));

  const deploy = async (revision: string, signal: AbortSignal): Promise<void> => {
    let outcome: Pick<Deployment, 'status' | 'message'>;
    try {
      const release = await prepareRelease(repository, releases, revision, signal);
      kept.push(release.directory);
      await options.deploy(release, signal);
      running = revision;
      outcome = { status: 'succeeded', message: 'deployed' };
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof AppError && error.retryable) return;
      outcome = { status: 'failed', message: toAppError(error).message };
    }
    tried = revision;
    const deployment = await describe(revision, outcome, signal);
    history.push(deployment);
    say(`${outcome.message} ${revision.slice(0, 7)} “${deployment.subject}” by ${deployment.author}`);
    events.emit('deployment', deployment);
    for (const old of kept.splice(0, kept.length - RELEASES_KEPT)) {
      await rm(old, { recursive: true, force: true });
    }
  };

  const follow = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      try {
        desired = await repository.head(signal);
        if (desired !== tried) await deploy(desired, signal);
        await delay(POLL_MS, undefined, { signal });
      } catch (error) {
        if (signal.aborted) return;
        say(`could not follow main: ${toAppError(error).message}`);
        await delay(POLL_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  };

  return {
    history,
    state: () => ({ desired, running }),
    start() {
      loop = follow(lifetime.signal);
    },
    async stop() {
      lifetime.abort();
      await loop;
    },
  };
}

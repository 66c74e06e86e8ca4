// Owner: the process that called createProduction. Boundary: everything the production starts and writes.
// 1. What it starts, it ends: in stop(), on abort, and by the closed channel when this process dies.
// 2. It writes below its directory only, and replaces only the names it knows there.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, toTimestamp, type Clock } from '@carapulse/kernel';
import { createAlertSender, type AlertReceiver } from './alert-sender.ts';
import { throwIfCancelled } from './cancellation.ts';
import { createEvents, type ProbeSample, type ProductionEvents, type ProductionLine } from './events.ts';
import { createLineRing } from './line-ring.ts';
import { startPlatformServer } from './platform-server.ts';
import { createProber, type ServiceState } from './prober.ts';
import { createReconciler, prepareRelease } from './reconciler.ts';
import { createRepository, type Commit } from './repository.ts';
import { createScenario } from './scenario.ts';
import { systemClock } from './system-clock.ts';
import { startWorkloads } from './workloads.ts';

/** Base URLs on loopback. */
export interface ProductionEndpoints {
  /** The service: `/checkout`, `/healthz`, `/metrics`. */
  readonly checkout: string;
  readonly inventory: string;
  /** Reconciler and prober: `/applications/checkout`, `…/history`, `…/logs`, `/probes/checkout`. */
  readonly platform: string;
}

/** What can be asked of a production, in its own process or through a handle from another. */
export interface Production {
  readonly directory: string;
  /** Path of the bare Git repository; its branch main is what runs. */
  readonly repository: string;
  readonly endpoints: ProductionEndpoints;
  /** Alerts go there from now on; null silences them. */
  setAlertReceiver(receiver: AlertReceiver | null, signal: AbortSignal): Promise<void>;
  /** Pushes the commit that breaks checkout; resolves once it is deployed. */
  pushBadCommit(signal: AbortSignal): Promise<Commit>;
  /** Pushes commits of no effect, each once the one before was deployed and probed. */
  pushInnocentCommits(signal: AbortSignal): Promise<readonly Commit[]>;
  /** Kills inventory: checkout fails, and no commit is to blame. */
  breakOutsideGit(signal: AbortSignal): Promise<void>;
  /** Stalls inventory, which looks like too short a timeout: behind the bad commit it makes the revert useless. */
  hideSecondFault(signal: AbortSignal): Promise<void>;
  /** Undoes both of the above. */
  repairOutsideGit(signal: AbortSignal): Promise<void>;
  /**
   * Resolves with the sample that shows the state, at once when the last one does; with `revision`, only for a sample
   * answered by it.
   */
  waitUntil(
    state: Exclude<ServiceState, 'unknown'>,
    signal: AbortSignal,
    options?: { readonly revision?: string },
  ): Promise<ProbeSample>;
  /** Process ids now; 0 for one that does not run. */
  pids(signal: AbortSignal): Promise<ProductionPids>;
  stop(): Promise<void>;
}

export interface ProductionPids {
  readonly supervisor: number;
  readonly checkout: number;
  readonly inventory: number;
}

export interface ProductionOptions {
  /** Made if missing. May contain spaces. */
  readonly directory: string;
  /** Aborting it stops the production, also after the start. */
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  readonly onLine?: (line: ProductionLine) => void;
}

/** A production in this process, with what a server in front of it needs besides. */
export interface LocalProduction extends Production {
  readonly events: ProductionEvents;
  readonly controlToken: string;
  /** Called with the number of attached handles whenever it changes. */
  onAttachments(listener: (count: number) => void): void;
}

/**
 * Starts the production and resolves once /checkout answers under probe.
 * @throws AppError `unavailable` without git or when a process does not start, `cancelled` on abort.
 */
export async function createProduction(options: ProductionOptions): Promise<LocalProduction> {
  const { directory, signal, clock = systemClock } = options;
  const events = createEvents();
  const lifetime = new AbortController();
  const closers: (() => Promise<void>)[] = [];
  const log = createLineRing();
  const say = (source: string, text: string) =>
    events.emit('line', { at: toTimestamp(clock.nowMs()), source, text });
  if (options.onLine !== undefined) events.on('line', options.onLine);

  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= (async () => {
      lifetime.abort();
      for (const close of closers.toReversed()) await close();
      events.emit('stopped');
    })();
    return stopped;
  };
  const bounded = (signal: AbortSignal) => AbortSignal.any([signal, lifetime.signal]);

  try {
    throwIfCancelled(signal, 'The start of the production');
    const releases = join(directory, 'releases');
    await mkdir(directory, { recursive: true });
    await rm(releases, { recursive: true, force: true });

    const seeded = createRepository(directory, clock, signal);
    const firstRelease = seeded.then(async (repository) =>
      prepareRelease(repository, releases, await repository.head(signal), signal),
    );
    const seedingOver = firstRelease.then(
      () => undefined,
      () => undefined,
    );
    closers.push(() => seedingOver); // git must not write on after a failed start
    const workloads = await startWorkloads({
      directory,
      release: firstRelease,
      signal,
      onLine(source, text) {
        if (source === 'checkout') log.push(text);
        else say(source, text);
      },
    });
    closers.push(() => workloads.stop());
    const repository = await seeded;

    const reconciler = await createReconciler({
      repository,
      first: await firstRelease,
      releases,
      deploy: (release, signal) => workloads.deploy(release, signal),
      events,
      say: (text) => say('reconciler', text),
      clock,
      signal,
    });
    const prober = createProber({
      url: `${workloads.checkoutUrl}/checkout`,
      events,
      clock,
      onState(state, sample) {
        say(
          'probe',
          state === 'healthy' ? 'checkout is healthy' : `checkout is broken (${describe(sample)})`,
        );
        if (state === 'broken') alerts.fire(annotate(sample, `${workloads.checkoutUrl}/checkout`));
        else alerts.resolve();
      },
    });
    const platform = await startPlatformServer({
      reconciler,
      prober,
      log,
      repository,
      workloads,
      events,
      signal,
    });
    const alerts = createAlertSender({
      platformUrl: platform.url,
      events,
      say: (text) => say('alertmanager', text),
      clock,
    });
    for (const part of [alerts, prober, reconciler]) closers.push(() => part.stop());
    // Closed last: the end of its connections tells every handle that all else has ended.
    closers.unshift(() => platform.stop());

    const scenario = createScenario({ repository, reconciler, prober, events });
    const production: LocalProduction = {
      directory,
      repository: repository.path,
      endpoints: {
        checkout: workloads.checkoutUrl,
        inventory: workloads.inventoryUrl,
        platform: platform.url,
      },
      events,
      controlToken: platform.token,
      onAttachments: (listener) => platform.onAttachments(listener),
      async setAlertReceiver(receiver) {
        alerts.setReceiver(receiver);
      },
      pushBadCommit: (signal) => scenario.pushBadCommit(bounded(signal)),
      pushInnocentCommits: (signal) => scenario.pushInnocentCommits(bounded(signal)),
      async breakOutsideGit() {
        await workloads.killInventory();
        say('inventory', 'the process is gone');
      },
      hideSecondFault: (signal) => workloads.stallInventory(bounded(signal)),
      async repairOutsideGit(signal) {
        await workloads.repairInventory(bounded(signal));
        say('inventory', 'answers again');
      },
      waitUntil: (state, signal, { revision } = {}) => scenario.waitUntil(state, revision, bounded(signal)),
      async pids() {
        return { supervisor: process.pid, ...workloads.pids() };
      },
      stop,
    };
    platform.serve(production);
    reconciler.start();
    alerts.start();
    prober.start();
    await production.waitUntil('healthy', signal);
    signal.addEventListener('abort', () => void stop(), { once: true });
    return production;
  } catch (error) {
    await stop();
    if (!signal.aborted) throw error;
    throw new AppError('cancelled', 'The start of the production was cancelled', { cause: error });
  }
}

const describe = (sample: ProbeSample): string =>
  sample.status === 0 ? (sample.error ?? 'no answer') : `status ${sample.status}`;

function annotate(sample: ProbeSample, url: string): Record<string, string> {
  return {
    summary: 'Requests to checkout fail',
    description: `Several probes of ${url} in a row failed, the last one with ${describe(sample)}.`,
  };
}

import type { Investigation } from '@carapulse/incident';
import { toAppError } from '@carapulse/kernel';
import { conductInvestigation } from '../incidents/conduct-investigation.ts';
import type { FiringStatus } from '@carapulse/schedule';
import type { EventType } from '../ports/index.ts';
import { serviceContext } from '../service-actor.ts';
import type { Services } from '../services.ts';
import { advanceSchedules } from './advance-schedules.ts';
import { dispatchExecutions } from './dispatch-executions.ts';
import { expirePlans } from './expire-plans.ts';
import { createFirer } from './fire-schedules.ts';
import { createPassWatch, type PassWatch } from './pass-watch.ts';
import { createLeaseRenewal } from './renew-leases.ts';
import { createHaltRecorder } from './record-halts.ts';
import { resumeHalted } from './resume-halted.ts';

/** How often the tables are looked at when nothing tells of a change. */
const POLL_MS = 1000;

/**
 * The loops that carry committed intentions on: dispatch, expiry, leases, halts, investigations, schedules. Owner: the
 * orchestrator. Invariants:
 * 1. The rows are the truth; a wake-up that is lost only costs a poll.
 * 2. Each loop is one pass at a time in a process; an investigation is conducted by one process at a time.
 * 3. Several processes run the same loops on the same rows: each change is a compare-and-set, or a claim.
 * 4. A pass that fails is told in the log and tried again at the next wake-up.
 * 5. A loop that fails, or that hangs in a pass, is told by `faults` until a pass of it has ended well.
 */
export interface Workers {
  /** What doesn't work now, one sentence a loop. */
  faults(): readonly string[];
  /** Ends the loops and aborts what is under way; resolves when nothing runs any more. */
  stop(): Promise<void>;
}

export interface WorkerListeners {
  /** Hears how firings of schedules ended in this process, and how many times that stands for. */
  readonly onFiring?: (status: FiringStatus, times: number) => void;
}

export function startWorkers(services: Services, listeners: WorkerListeners = {}): Workers {
  const stopping = new AbortController();
  const { signal } = stopping;
  const investigator = createInvestigator(services, signal);
  const { onFiring = () => {} } = listeners;
  const firer = createFirer(services, signal, (status) => onFiring(status, 1));
  const renewLeases = createLeaseRenewal(services);
  const recordHalts = createHaltRecorder(services);
  const passes: readonly Pass[] = [
    { name: 'dispatch', wokenBy: 'execution.updated', run: () => dispatchExecutions(services, signal) },
    { name: 'expiry', wokenBy: null, run: () => expirePlans(services, signal) },
    { name: 'leases', wokenBy: null, run: () => renewLeases(signal) },
    { name: 'halts', wokenBy: 'execution.updated', run: () => resumeHalted(services, signal) },
    { name: 'halt records', wokenBy: null, run: () => recordHalts(signal) },
    { name: 'investigations', wokenBy: 'incident.updated', run: () => investigator.take() },
    {
      name: 'schedules',
      wokenBy: null,
      run: () => advanceSchedules(services, signal, (times) => onFiring('missed', times)),
    },
    { name: 'firings', wokenBy: null, run: () => firer.take() },
  ];
  const watched = passes.map((pass) => ({ pass, watch: createPassWatch(pass.name, services.clock) }));
  const loops = watched.map(({ pass, watch }) => loop(services, pass, watch, signal));
  return {
    faults: () => watched.flatMap(({ watch }) => watch.fault() ?? []),
    stop: async () => {
      stopping.abort();
      await Promise.all(loops);
      await Promise.all([investigator.settled(), firer.settled()]);
    },
  };
}

interface Pass {
  readonly name: string;
  /** The events that bring it work; null where only time does. */
  readonly wokenBy: EventType | null;
  readonly run: () => Promise<unknown>;
}

async function loop(
  services: Services,
  { name, wokenBy, run }: Pass,
  watch: PassWatch,
  signal: AbortSignal,
): Promise<void> {
  let wake = (): void => {};
  const stopListening = services.store.onEvents((type) => (type === null || type === wokenBy) && wake());
  while (!signal.aborted) {
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    watch.begin();
    try {
      await run();
      watch.end(null);
    } catch (error) {
      const cause = toAppError(error).message;
      watch.end(cause);
      if (!signal.aborted) services.logger.error(`${name} pass failed`, { cause });
    }
    await Promise.race([woken, services.sleep(POLL_MS, signal).catch(() => {})]);
  }
  stopListening();
}

async function isOurs({ store, epoch }: Services, { investigation_id: id }: Investigation): Promise<boolean> {
  const living = await store.read.livingProcesses();
  return store.transaction((tx) => tx.claimInvestigation(id, epoch, living));
}

function createInvestigator(services: Services, signal: AbortSignal) {
  const underWay = new Map<string, Promise<void>>();
  const begin = (investigation: Investigation): void => {
    const id = investigation.investigation_id;
    const work = conductInvestigation(serviceContext(services, 'investigator', signal), investigation)
      .catch((error: unknown) => {
        if (!signal.aborted)
          services.logger.error('an investigation broke off', {
            investigation_id: id,
            cause: toAppError(error).message,
          });
      })
      .finally(() => underWay.delete(id));
    underWay.set(id, work);
  };
  return {
    take: async (): Promise<void> => {
      const free = services.settings.maxConcurrentInvestigations - underWay.size;
      if (free <= 0) return;
      const open = await services.store.read.queuedInvestigations(free + underWay.size);
      for (const investigation of open) {
        if (underWay.has(investigation.investigation_id)) continue;
        if (underWay.size >= services.settings.maxConcurrentInvestigations) break;
        if (await isOurs(services, investigation)) begin(investigation);
      }
    },
    settled: async (): Promise<void> => {
      await Promise.all(underWay.values());
    },
  };
}

import { toAppError, toTimestamp } from '@carapulse/kernel';
import type { Firing, FiringStatus } from '@carapulse/schedule';
import { serviceContext } from '../service-actor.ts';
import type { Services } from '../services.ts';
import { carryOutFiring } from './carry-out-firing.ts';

/** So many rows are looked at in one pass. */
const LOOK = 100;

/**
 * Carries out the firings whose moment has come, some at once and of each schedule one at a time, so that one whose
 * reads hang holds up itself and not the others. Owner: the workers.
 */
export interface Firer {
  take(): Promise<void>;
  settled(): Promise<void>;
}

/** `onEnd` hears how each firing that this process carried out has ended. */
export function createFirer(
  services: Services,
  signal: AbortSignal,
  onEnd: (status: FiringStatus) => void,
): Firer {
  const underWay = new Set<string>();
  const work = new Set<Promise<void>>();
  const carryOut = async (firing: Firing): Promise<void> => {
    let status: FiringStatus = 'waiting';
    try {
      status = await carryOutFiring(serviceContext(services, 'scheduler', signal), firing);
    } catch (error) {
      if (!signal.aborted)
        services.logger.error('a firing broke off and is taken up again', {
          firing_id: firing.firing_id,
          cause: toAppError(error).message,
        });
    } finally {
      underWay.delete(firing.schedule_id);
    }
    if (status === 'waiting') return;
    onEnd(status);
    // The next of the schedule needn't wait for the next pass. One that failed to be taken is the next pass's.
    await take().catch(() => {});
  };
  const begin = (firing: Firing): void => {
    underWay.add(firing.schedule_id);
    const begun = carryOut(firing).finally(() => work.delete(begun));
    work.add(begun);
  };
  const take = async (): Promise<void> => {
    const most = services.settings.maxConcurrentFirings;
    if (underWay.size >= most) return;
    const now = toTimestamp(services.clock.nowMs());
    const ready = await services.store.read.waitingFirings(now, [...underWay], LOOK);
    for (const firing of ready) {
      if (underWay.size >= most || signal.aborted) break;
      if (!underWay.has(firing.schedule_id)) begin(firing);
    }
  };
  return {
    take,
    settled: async () => {
      while (work.size > 0) await Promise.all(work);
    },
  };
}

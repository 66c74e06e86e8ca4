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
  const underWay = new Map<string, Promise<void>>();
  const begin = (firing: Firing): void => {
    let ended = false;
    const work = carryOutFiring(serviceContext(services, 'scheduler', signal), firing)
      .then((status) => {
        if (status === 'waiting') return;
        onEnd(status);
        ended = true;
      })
      .catch((error: unknown) => {
        if (!signal.aborted)
          services.logger.error('a firing broke off and is taken up again', {
            firing_id: firing.firing_id,
            cause: toAppError(error).message,
          });
      })
      .finally(() => {
        underWay.delete(firing.schedule_id);
        // The next of the schedule needn't wait for the next look; one that waits for its moment must.
        if (ended && !signal.aborted) take().catch(() => {});
      });
    underWay.set(firing.schedule_id, work);
  };
  const take = async (): Promise<void> => {
    const most = services.settings.maxConcurrentFirings;
    if (underWay.size >= most) return;
    const now = toTimestamp(services.clock.nowMs());
    const ready = await services.store.read.waitingFirings(now, [...underWay.keys()], LOOK);
    for (const firing of ready) {
      if (underWay.size >= most || signal.aborted) break;
      if (!underWay.has(firing.schedule_id)) begin(firing);
    }
  };
  return {
    take,
    settled: async () => {
      while (underWay.size > 0) await Promise.all(underWay.values());
    },
  };
}

import { toTimestamp } from '@carapulse/kernel';
import type { Services } from '../services.ts';

/**
 * Keeps the targets of runs that have not ended: a run that is parked, or waits for a halt to end, has a state nobody
 * knows, and nothing else may touch it. A pass renews once a third of the lease has gone; leases of runs that ended
 * were given back. @returns how many leases were renewed.
 */
export function createLeaseRenewal(services: Services): (signal: AbortSignal) => Promise<number> {
  const renewedAtMs = new Map<string, number>();
  return async (signal) => {
    const { leaseMs } = services.settings;
    const open = await services.store.read.waitingExecutions('', 1000);
    const ids = new Set(open.map((each) => each.execution_id));
    for (const id of renewedAtMs.keys()) if (!ids.has(id)) renewedAtMs.delete(id);
    let renewed = 0;
    for (const { execution_id: id } of open) {
      const nowMs = services.clock.monotonicMs();
      if (signal.aborted || nowMs - (renewedAtMs.get(id) ?? Number.NEGATIVE_INFINITY) < leaseMs / 3) continue;
      const expires = toTimestamp(services.clock.nowMs() + leaseMs);
      renewed += await services.store.transaction((tx) => tx.renewLeases(id, expires));
      renewedAtMs.set(id, nowMs);
    }
    return renewed;
  };
}

import { toTimestamp } from '@carapulse/kernel';
import { commitAudited } from '../operation.ts';
import { changePlanStatus } from '../plans/change-plan-status.ts';
import { serviceContext } from '../service-actor.ts';
import type { Services } from '../services.ts';

/**
 * Marks plans whose time has come as expired, which is a denial. The rows are the timer: a restart loses none.
 * @returns how many expired.
 */
export async function expirePlans(services: Services, signal: AbortSignal): Promise<number> {
  const context = serviceContext(services, 'scheduler', signal);
  const due = await services.store.read.duePlans(toTimestamp(services.clock.nowMs()), 100);
  let expired = 0;
  for (const record of due) {
    if (signal.aborted) break;
    await commitAudited(context, async (tx) => {
      const event = await changePlanStatus(
        tx,
        services,
        record,
        'expired',
        `nobody decided before ${record.plan.expires_at}`,
      );
      return {
        result: null,
        audit: {
          action: 'plan.expire',
          phase: 'event',
          subject: { kind: 'plan', id: record.plan.plan_id },
          context: record.plan.context,
          outcome: { result: 'denied' },
          details: { plan_hash: record.plan.plan_hash, expires_at: record.plan.expires_at },
        },
        events: [event],
      };
    });
    await services.closePlan(record.plan.plan_id, 'expired');
    expired += 1;
  }
  return expired;
}

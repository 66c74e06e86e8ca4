import { toAppError, toTimestamp } from '@carapulse/kernel';
import { commitAudited, type OperationContext } from '../operation.ts';
import { changePlanStatus } from '../plans/change-plan-status.ts';
import type { PlanRecord } from '../ports/index.ts';
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
    try {
      await expire(context, record);
      expired += 1;
    } catch (error) {
      // Somebody decided meanwhile, or another process was first.
      if (toAppError(error).code === 'conflict') continue;
      // The next pass tries again; the others don't wait for it.
      services.logger.error('a plan could not be expired', {
        plan_id: record.plan.plan_id,
        cause: toAppError(error).message,
      });
    }
  }
  return expired;
}

async function expire(context: OperationContext, record: PlanRecord): Promise<void> {
  const { services } = context;
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
}

import { toTimestamp } from '@carapulse/kernel';
import { assertPlanTransition, type PlanStatus } from '@carapulse/plan';
import type { Committed } from '../operation.ts';
import type { PlanRecord, StoreTransaction } from '../ports/index.ts';
import type { Services } from '../services.ts';

/**
 * Moves a plan along its state machine inside the caller's transaction and returns the event that tells clients.
 * @throws AppError `forbidden_transition`, or `conflict` when somebody else changed it meanwhile.
 */
export async function changePlanStatus(
  tx: StoreTransaction,
  services: Pick<Services, 'clock'>,
  record: PlanRecord,
  status: PlanStatus,
  reason: string,
): Promise<Committed<null>['events'][number]> {
  assertPlanTransition(record.status, status);
  const { plan_id } = record.plan;
  await tx.updatePlan(plan_id, record.revision, {
    status,
    status_reason: reason,
    updated_at: toTimestamp(services.clock.nowMs()),
  });
  return planUpdated(plan_id, status, reason);
}

/** The event of a plan that is new or has changed. */
export function planUpdated(
  planId: string,
  status: PlanStatus,
  reason: string,
): Committed<null>['events'][number] {
  return { type: 'plan.updated', subject_id: planId, data: { plan_id: planId, status, reason } };
}

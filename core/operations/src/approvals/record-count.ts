import type { ApprovalCount } from '@carapulse/approval';
import { toTimestamp } from '@carapulse/kernel';
import type { Committed } from '../operation.ts';
import { planUpdated } from '../plans/change-plan-status.ts';
import type { PlanRecord, StoreTransaction } from '../ports/index.ts';
import type { Services } from '../services.ts';

/**
 * Says of a plan that goes on waiting how many approvals it has. It raises the revision, so that of two who decide or
 * take back at once each sees the other or fails.
 */
export async function recordCount(
  tx: StoreTransaction,
  services: Pick<Services, 'clock'>,
  { plan: { plan_id }, revision, status }: PlanRecord,
  { have, needed }: ApprovalCount,
): Promise<Committed<null>['events'][number]> {
  const reason = `${have} of ${needed} approvals`;
  const updated_at = toTimestamp(services.clock.nowMs());
  await tx.updatePlan(plan_id, revision, { status, status_reason: reason, updated_at });
  return planUpdated(plan_id, status, reason);
}

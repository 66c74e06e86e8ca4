import { AppError } from '@carapulse/kernel';
import type { PlanRecord, StoreReads } from '../ports/index.ts';

/** @throws AppError `not_found` also for another tenant's plan. */
export async function loadPlan(reads: StoreReads, tenantId: string, planId: string): Promise<PlanRecord> {
  const record = await reads.plan(tenantId, planId);
  if (record === null) {
    throw new AppError(
      'not_found',
      `There is no plan ${planId}; \`assistantctl plan list\` shows those there are.`,
    );
  }
  return record;
}

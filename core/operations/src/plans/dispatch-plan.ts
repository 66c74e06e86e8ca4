import { newId, toTimestamp } from '@carapulse/kernel';
import type { Committed } from '../operation.ts';
import type { PlanRecord, StoreTransaction } from '../ports/index.ts';
import type { Services } from '../services.ts';

/**
 * Queues an approved plan's one execution inside the caller's transaction; the dispatcher starts the run under the
 * execution's id. @throws AppError `conflict` when the plan was dispatched before.
 */
export async function dispatchPlan(
  tx: StoreTransaction,
  services: Services,
  { plan, tenant_id }: PlanRecord,
): Promise<{ readonly executionId: string; readonly event: Committed<null>['events'][number] }> {
  const executionId = newId('execution', services.clock, services.random);
  await tx.insertExecution({
    execution_id: executionId,
    plan_id: plan.plan_id,
    tenant_id,
    status: 'queued',
    status_reason: 'approved, waiting for dispatch',
    epoch: services.epoch,
    queued_at: toTimestamp(services.clock.nowMs()),
    started_at: null,
    first_write_at: null,
    ended_at: null,
    steering: null,
    revision: 1,
  });
  return {
    executionId,
    event: {
      type: 'execution.updated',
      subject_id: executionId,
      data: { execution_id: executionId, plan_id: plan.plan_id, status: 'queued' },
    },
  };
}

import { toTimestamp } from '@carapulse/kernel';
import { assertExecutionTransition, PLAN_TRANSITIONS } from '@carapulse/plan';
import { commitAudited } from '../operation.ts';
import { planUpdated } from '../plans/change-plan-status.ts';
import type { ExecutionRecord, PlanRecord } from '../ports/index.ts';
import { serviceContext } from '../service-actor.ts';
import type { Services } from '../services.ts';

/**
 * Ends a queued execution whose plan can never run, so that people see it and no pass tries it again. Nothing was
 * written under it. Of the plan's document nothing is read but what the trail says about it.
 */
export async function abandonDispatch(
  services: Services,
  execution: ExecutionRecord,
  record: PlanRecord,
  reason: string,
  signal: AbortSignal,
): Promise<void> {
  const { execution_id, plan_id } = execution;
  // First of all, and outside the database: whatever becomes of these rows later, nothing is written under the plan.
  await services.closePlan(plan_id, `${execution_id} failed`);
  await commitAudited(serviceContext(services, 'dispatcher', signal), async (tx) => {
    const now = toTimestamp(services.clock.nowMs());
    assertExecutionTransition(execution.status, 'failed');
    await tx.updateExecution(execution_id, execution.revision, {
      status: 'failed',
      status_reason: reason,
      ended_at: now,
    });
    await tx.completeDispatch(execution_id, now);
    // A plan that never began cannot have failed: it is stale.
    const stale = PLAN_TRANSITIONS[record.status].includes('stale');
    if (stale)
      await tx.updatePlan(plan_id, record.revision, {
        status: 'stale',
        status_reason: reason,
        updated_at: now,
      });
    return {
      result: null,
      audit: {
        action: 'execution.end',
        phase: 'outcome',
        subject: { kind: 'execution', id: execution_id },
        outcome: { result: 'failed', code: 'invalid_input' },
        details: { plan_id, status: 'failed', reason },
      },
      events: [
        ...(stale ? [planUpdated(plan_id, 'stale', reason)] : []),
        {
          type: 'execution.updated',
          subject_id: execution_id,
          data: { execution_id, plan_id, status: 'failed', reason },
        },
      ],
    };
  });
  services.logger.error('an approved plan cannot run and was given up', { execution_id, plan_id, reason });
}

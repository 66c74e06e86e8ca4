import { assertExecutionTransition, type ExecutionStatus } from '@carapulse/plan';
import type { TransitionInput } from '@carapulse/workflows';
import { commitAudited } from '../operation.ts';
import { changePlanStatus } from '../plans/change-plan-status.ts';
import { serviceContext } from '../service-actor.ts';
import type { Services } from '../services.ts';
import { loadRun } from './load-run.ts';

/** How the reason of a run that waits for a halt to end begins. */
export const HALTED_PREFIX = 'halted: ';

/**
 * Shows people where a run is: rolling back, parked for a decision, waiting for a halt to end. A halted run keeps its
 * status; its reason says what it waits for. Repeatable.
 */
export async function changeRunStatus(
  services: Services,
  input: TransitionInput,
  signal: AbortSignal,
): Promise<void> {
  const run = await loadRun(services, input.execution_id);
  const { execution, record, plan } = run;
  const status: ExecutionStatus = input.status === 'halted' ? execution.status : input.status;
  const reason = input.status === 'halted' ? `${HALTED_PREFIX}${input.reason}` : input.reason;
  if (execution.status === status && execution.status_reason === reason) return;
  if (execution.status !== status) assertExecutionTransition(execution.status, status);
  await commitAudited(serviceContext(services, 'orchestrator', signal), async (tx) => {
    await tx.updateExecution(execution.execution_id, execution.revision, { status, status_reason: reason });
    const planStatus = status === 'parked' ? 'parked' : 'executing';
    const moved =
      record.status === planStatus ? [] : [await changePlanStatus(tx, services, record, planStatus, reason)];
    return {
      result: null,
      audit: {
        action: `execution.${input.status}`,
        phase: 'event',
        subject: { kind: 'execution', id: execution.execution_id },
        context: plan.context,
        outcome: { result: input.status === 'parked' ? 'unknown' : 'ok' },
        details: { plan_id: plan.plan_id, reason },
      },
      events: [
        ...moved,
        {
          type: 'execution.updated',
          subject_id: execution.execution_id,
          data: { execution_id: execution.execution_id, plan_id: plan.plan_id, status: input.status, reason },
        },
      ],
    };
  });
  if (input.status === 'parked') {
    services.logger.error('a run is parked and waits for a person', {
      execution_id: execution.execution_id,
      reason,
    });
  }
}

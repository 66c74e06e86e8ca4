import { canonicalJson, toTimestamp } from '@carapulse/kernel';
import { assertExecutionTransition, type ExecutionStatus, type PlanStatus } from '@carapulse/plan';
import type { Steering, TransitionInput } from '@carapulse/workflows';
import { commitAudited } from '../operation.ts';
import { changePlanStatus } from '../plans/change-plan-status.ts';
import type { StoreTransaction } from '../ports/index.ts';
import { serviceContext } from '../service-actor.ts';
import type { Services } from '../services.ts';
import { loadRun } from './load-run.ts';
import { createLogWriter } from './log-writer.ts';

/** How the reason of a run that waits for a halt to end begins. */
export const HALTED_PREFIX = 'halted: ';

/** What the plan is while its run is so; a run that was taken over is as much a person's to decide as a parked one. */
const PLAN_STATUS: Readonly<Record<TransitionInput['status'], PlanStatus>> = {
  running: 'executing',
  rolling_back: 'executing',
  halted: 'executing',
  paused: 'executing',
  parked: 'parked',
  taken_over: 'parked',
};

/**
 * Shows people where a run is: rolling back, parked for a decision, waiting for a halt to end, in a person's hands. A
 * halted run keeps its status; its reason says what it waits for. Repeatable.
 */
export async function changeRunStatus(
  services: Services,
  input: TransitionInput,
  signal: AbortSignal,
): Promise<void> {
  const run = await loadRun(services, input.execution_id);
  const { execution, record, plan } = run;
  const { execution_id: id } = execution;
  const status: ExecutionStatus = input.status === 'halted' ? execution.status : input.status;
  const reason = input.status === 'halted' ? `${HALTED_PREFIX}${input.reason}` : input.reason;
  const steering = input.steering ?? null;
  const known = canonicalJson({ steering: execution.steering }) === canonicalJson({ steering });
  if (execution.status === status && execution.status_reason === reason && known) return;
  const moves = execution.status !== status;
  if (moves) assertExecutionTransition(execution.status, status);
  await commitAudited(serviceContext(services, 'orchestrator', signal), async (tx) => {
    await tx.updateExecution(id, execution.revision, { status, status_reason: reason, steering });
    await markSkipped(tx, id, steering?.skipped ?? []);
    const planStatus = PLAN_STATUS[input.status];
    const moved =
      record.status === planStatus ? [] : [await changePlanStatus(tx, services, record, planStatus, reason)];
    return {
      result: null,
      audit: {
        action: `execution.${input.status}`,
        phase: 'event',
        subject: { kind: 'execution', id },
        context: plan.context,
        outcome: { result: input.status === 'parked' ? 'unknown' : 'ok' },
        details: { plan_id: plan.plan_id, reason, ...(input.status === 'taken_over' && stateOf(steering)) },
      },
      events: [
        ...moved,
        {
          type: 'execution.updated',
          subject_id: id,
          data: { execution_id: id, plan_id: plan.plan_id, status: input.status, reason },
        },
      ],
    };
  });
  if (moves) await logMove(services, input, execution.status);
  if (moves && input.status === 'parked') {
    services.logger.error('a run is parked and waits for a person', { execution_id: id, reason });
  }
}

/** The state of each step as it is handed to a person. */
function stateOf(steering: Steering | null) {
  return {
    steps: (steering?.steps ?? []).map(({ step_id, phase, attempt }) => ({ step_id, phase, attempt })),
  };
}

/** Steps that a person declared done have a row that says so. */
export async function markSkipped(
  tx: StoreTransaction,
  executionId: string,
  skipped: Steering['skipped'],
): Promise<void> {
  const rows = await tx.steps(executionId);
  for (const { step_id, check_ids, by, reason, at_ms } of skipped) {
    if (step_id === null || check_ids.length > 0) continue;
    const row = rows.find((each) => each.step_id === step_id);
    if (row?.status === 'skipped') continue;
    await tx.upsertStep({
      execution_id: executionId,
      step_id,
      status: 'skipped',
      attempts: row?.attempts ?? 0,
      started_at: row?.started_at ?? null,
      ended_at: toTimestamp(at_ms),
      detail: `skipped by ${by}: ${reason}`,
      evidence_id: row?.evidence_id ?? null,
      retry_at: null,
    });
  }
}

/** Who follows the log sees when a person's hand comes and goes. */
async function logMove(services: Services, input: TransitionInput, from: ExecutionStatus): Promise<void> {
  const held = (status: string): boolean => status === 'paused' || status === 'taken_over';
  if (!held(input.status) && !held(from)) return;
  const log = createLogWriter(services.store, services.clock, input.execution_id);
  log.line(null, 'event', held(input.status) ? input.reason : `${from.replaceAll('_', ' ')} no more`);
  await log.flush();
}

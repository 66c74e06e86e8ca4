import { toTimestamp } from '@carapulse/kernel';
import { assertExecutionTransition, PLAN_TRANSITIONS, type PlanStatus } from '@carapulse/plan';
import type { RunResult } from '@carapulse/workflows';
import { moveIncident } from '../incidents/move-incident.ts';
import { commitAudited } from '../operation.ts';
import { changePlanStatus } from '../plans/change-plan-status.ts';
import { serviceContext } from '../service-actor.ts';
import type { Services } from '../services.ts';
import { issueReceipt } from './issue-receipt.ts';
import { markSkipped } from './change-run-status.ts';
import { loadRun } from './load-run.ts';

type RunEnd = Pick<RunResult, 'status' | 'reason' | 'code' | 'skipped'>;

/**
 * Records how a run ended, frees its leases (a parked run keeps them: nothing else may touch a target whose state is
 * unknown), and issues the receipt. Repeatable.
 */
export async function finishRun(
  services: Services,
  executionId: string,
  end: RunEnd,
  signal: AbortSignal,
): Promise<void> {
  const run = await loadRun(services, executionId);
  if (run.execution.status !== end.status) {
    const nowIso = toTimestamp(services.clock.nowMs());
    const parked = end.status === 'parked';
    await commitAudited(serviceContext(services, 'orchestrator', signal), async (tx) => {
      assertExecutionTransition(run.execution.status, end.status);
      await tx.updateExecution(executionId, run.execution.revision, {
        status: end.status,
        status_reason: end.reason,
        ...(run.execution.steering && {
          steering: { ...run.execution.steering, skipped: end.skipped ?? run.execution.steering.skipped },
        }),
        ...(parked ? {} : { ended_at: nowIso }),
      });
      await markSkipped(tx, executionId, end.skipped ?? []);
      if (!parked) await tx.releaseLeases(executionId);
      const to = nextPlanStatus(run.record.status, end);
      const moved = to === null ? [] : [await changePlanStatus(tx, services, run.record, to, end.reason)];
      const incident =
        run.plan.incident_id === null
          ? []
          : await moveIncident(
              tx,
              services,
              run.execution.tenant_id,
              run.plan.incident_id,
              end.status === 'succeeded' ? 'mitigating' : 'identified',
            );
      return {
        result: null,
        audit: {
          action: 'execution.end',
          phase: 'outcome',
          subject: { kind: 'execution', id: executionId },
          context: run.plan.context,
          outcome: {
            result: auditResult(end.status),
            ...(end.code && { code: end.code }),
          },
          details: {
            plan_id: run.plan.plan_id,
            plan_hash: run.plan.plan_hash,
            status: end.status,
            reason: end.reason,
            ...(end.skipped && { skipped: end.skipped }),
          },
        },
        events: [
          ...moved,
          ...incident,
          {
            type: 'execution.updated',
            subject_id: executionId,
            data: {
              execution_id: executionId,
              plan_id: run.plan.plan_id,
              status: end.status,
              reason: end.reason,
            },
          },
        ],
      };
    });
  }
  if (end.status !== 'parked') await services.closePlan(run.plan.plan_id, `${executionId} ${end.status}`);
  await issueReceipt(services, executionId, signal);
}

function auditResult(status: RunEnd['status']): 'ok' | 'unknown' | 'failed' {
  if (status === 'parked') return 'unknown';
  return status === 'succeeded' || status === 'succeeded_with_skips' ? 'ok' : 'failed';
}

/**
 * Where the plan goes, or null where it stays. A plan that never began cannot have failed: it is stale. One that was
 * parked has written and cannot be stale: it failed.
 */
function nextPlanStatus(from: PlanStatus, end: RunEnd): PlanStatus | null {
  if (from !== 'approved' && from !== 'executing' && from !== 'parked') return null;
  const wanted = planStatusOf(end);
  const candidates: readonly PlanStatus[] = end.status === 'failed' ? [wanted, 'failed', 'stale'] : [wanted];
  return candidates.find((to) => PLAN_TRANSITIONS[from].includes(to)) ?? null;
}

function planStatusOf(end: RunEnd): PlanStatus {
  switch (end.status) {
    case 'succeeded':
    case 'succeeded_with_skips':
    case 'rolled_back':
    case 'parked':
    case 'cancelled':
    case 'held':
      return end.status;
    case 'failed':
      if (end.code === 'plan_expired') return 'expired';
      return end.code === 'plan_stale' || end.code === 'policy_denied' || end.code === 'approval_required'
        ? 'stale'
        : 'failed';
    case 'queued':
    case 'running':
    case 'rolling_back':
    case 'paused':
    case 'taken_over':
      return 'executing';
  }
}

import { AppError, toTimestamp } from '@carapulse/kernel';
import { assertExecutionTransition, isAutomatic } from '@carapulse/plan';
import { commitAudited } from '../operation.ts';
import { changePlanStatus } from '../plans/change-plan-status.ts';
import { serviceContext } from '../service-actor.ts';
import type { RunServices, Services } from '../services.ts';
import { assertMayWrite } from './assert-may-write.ts';
import { loadRun } from './load-run.ts';
import { writeTargets } from './run-step.ts';

/**
 * Starts a run: asks again whether the plan may run, takes its targets' leases and marks plan and execution as
 * running. Repeating it after a crash finds them so and changes nothing.
 * @throws AppError `approval_required`, `plan_expired`, `policy_denied`, `lease_held`, `rate_limited`,
 * `forbidden_transition` when the plan is no longer approved (held, denied, cancelled).
 */
export async function beginRun(
  services: RunServices,
  executionId: string,
  signal: AbortSignal,
): Promise<void> {
  const run = await loadRun(services, executionId);
  if (run.execution.status === 'running' && run.record.status === 'executing') return;
  if (run.record.status !== 'approved') {
    throw new AppError(
      'forbidden_transition',
      `Plan ${run.plan.plan_id} is ${run.record.status}: ${run.record.status_reason}.`,
      {
        details: { reason: `plan_${run.record.status}` },
      },
    );
  }
  await assertMayWrite(services, run, signal);
  await assertWithinWriteRate(services, run);
  const targets = writeTargets(run);
  const nowMs = services.clock.nowMs();
  const nowIso = toTimestamp(nowMs);
  await commitAudited(serviceContext(services, 'orchestrator', signal), async (tx) => {
    await tx.acquireLeases(
      targets,
      executionId,
      services.runEpoch,
      nowIso,
      toTimestamp(nowMs + services.settings.leaseMs),
    );
    assertExecutionTransition(run.execution.status, 'running');
    await tx.updateExecution(executionId, run.execution.revision, {
      status: 'running',
      status_reason: '',
      started_at: nowIso,
      epoch: services.epoch,
    });
    const event = await changePlanStatus(tx, services, run.record, 'executing', `execution ${executionId}`);
    return {
      result: null,
      audit: {
        action: 'execution.start',
        phase: 'event',
        subject: { kind: 'execution', id: executionId },
        context: run.plan.context,
        outcome: { result: 'ok' },
        details: { plan_id: run.plan.plan_id, plan_hash: run.plan.plan_hash, leases: targets },
      },
      events: [
        event,
        {
          type: 'execution.updated',
          subject_id: executionId,
          data: { execution_id: executionId, plan_id: run.plan.plan_id, status: 'running' },
        },
      ],
    };
  });
}

/** At most so many automated writes a service and hour, then a human starts it. */
async function assertWithinWriteRate(
  services: Services,
  run: Awaited<ReturnType<typeof loadRun>>,
): Promise<void> {
  const { plan } = run;
  if (!isAutomatic(plan.trigger) || plan.origin.planner === 'break_glass') return;
  const sinceIso = toTimestamp(services.clock.nowMs() - 3_600_000);
  const limit = services.settings.automatedWritesPerServiceHour;
  for (const resource of plan.blast_radius.resources.filter((name) => name.startsWith('service:'))) {
    const done = await services.store.read.automatedWritesSince(run.execution.tenant_id, resource, sinceIso);
    if (done < limit) continue;
    throw new AppError(
      'rate_limited',
      `${resource} had ${done} automated writes in the last hour, the limit is ${limit}; a person can make a manual plan.`,
      {
        details: { reason: 'automated_write_limit' },
      },
    );
  }
}

import { countApprovals } from '@carapulse/approval';
import { AppError, idSchema } from '@carapulse/kernel';
import { z } from 'zod';
import { liveStatements } from '../approvals/live-statements.ts';
import type { WriteOperation } from '../operation.ts';
import type { ExecutionRecord } from '../ports/index.ts';
import { assertNotExpired } from './assert-not-expired.ts';
import { changePlanStatus } from './change-plan-status.ts';
import { dispatchPlan } from './dispatch-plan.ts';
import { loadPlan } from './load-plan.ts';

const Input = z.strictObject({ plan_id: idSchema('plan'), plan_hash: z.string().optional() });

/**
 * Asks for the execution of a plan. One that was dispatched already answers with its execution: a plan runs at most
 * once. @throws AppError `approval_required`, `plan_stale`, `plan_expired`, `policy_denied`, `forbidden_transition`.
 */
export const executePlan: WriteOperation<z.infer<typeof Input>, ExecutionRecord> = {
  kind: 'write',
  name: 'execute-plan',
  permission: 'execution.start',
  auditAction: 'plan.execute',
  input: Input,
  run: async ({ actor, services }, { plan_id, plan_hash }, commit) => {
    await commit(async (tx) => {
      const record = await loadPlan(tx, actor.tenant_id, plan_id);
      const { plan } = record;
      if (plan_hash !== undefined && plan_hash !== plan.plan_hash) {
        throw new AppError(
          'plan_stale',
          `Plan ${plan_id} has the hash ${plan.plan_hash}, not the one you named.`,
        );
      }
      const audit = {
        action: 'plan.execute',
        phase: 'event' as const,
        subject: { kind: 'plan', id: plan_id },
        context: plan.context,
        outcome: { result: 'ok' as const },
        details: { plan_hash: plan.plan_hash },
      };
      if ((await tx.executionOfPlan(plan_id)) !== null) return { result: null, audit, events: [] };
      assertRunnable(record.status, plan_id);
      const nowMs = services.clock.nowMs();
      assertNotExpired(plan, nowMs);
      const statements = liveStatements(await tx.approvals(plan_id));
      const count = countApprovals(plan, statements, services.trust, nowMs);
      if (!count.satisfied) {
        throw new AppError(
          'approval_required',
          `Plan ${plan_id} has ${count.have} of ${count.needed} approvals; \`assistantctl plan approve ${plan_id}\`.`,
        );
      }
      const events =
        record.status === 'approved'
          ? []
          : [await changePlanStatus(tx, services, record, 'approved', `started by ${actor.id}`)];
      const dispatched = await dispatchPlan(tx, services, record);
      return { result: null, audit, events: [...events, dispatched.event] };
    });
    const execution = await services.store.read.executionOfPlan(plan_id);
    if (execution === null)
      throw new AppError('internal', `Plan ${plan_id} has no execution after its dispatch.`);
    return execution;
  },
};

function assertRunnable(status: string, planId: string): void {
  if (status === 'awaiting_approval' || status === 'approved') return;
  throw new AppError(
    status === 'policy_denied' ? 'policy_denied' : 'forbidden_transition',
    `Plan ${planId} is ${status} and cannot be executed.`,
    {
      details: { from: status },
    },
  );
}

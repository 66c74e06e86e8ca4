import { AppError, idSchema, newId, toTimestamp } from '@carapulse/kernel';
import { z } from 'zod';
import type { WriteOperation } from '../operation.ts';
import { changePlanStatus } from '../plans/change-plan-status.ts';
import { loadPlan } from '../plans/load-plan.ts';
import type { ApprovalRecord } from '../ports/index.ts';

const Input = z.strictObject({
  plan_id: idSchema('plan'),
  approval_id: idSchema('approval'),
  reason: z.string().min(1).max(500),
});

/**
 * Takes an approval back. Steps that have not started don't start; what was written stays or is compensated by the
 * run's own rules: revocation never stops a compensation.
 */
export const revokeApproval: WriteOperation<z.infer<typeof Input>, readonly ApprovalRecord[]> = {
  kind: 'write',
  name: 'revoke-approval',
  permission: 'approval.decide',
  auditAction: 'approval.revoke',
  input: Input,
  run: async ({ actor, services }, { plan_id, approval_id, reason }, commit) => {
    const { runs, waiting } = await commit(async (tx) => {
      const record = await loadPlan(tx, actor.tenant_id, plan_id);
      const approval = (await tx.approvals(plan_id)).find((each) => each.approval_id === approval_id);
      if (approval === undefined) {
        throw new AppError('not_found', `Plan ${plan_id} has no approval ${approval_id}.`);
      }
      if (approval.revoked_at !== null) {
        throw new AppError(
          'conflict',
          `Approval ${approval_id} was revoked already by ${approval.revoked_by}.`,
        );
      }
      if (approval.statement.body.approver !== actor.id && !actor.roles.includes('admin')) {
        throw new AppError(
          'forbidden',
          `Only ${approval.statement.body.approver} or an admin can take this approval back.`,
        );
      }
      await tx.revokeApproval(approval_id, actor.id, toTimestamp(services.clock.nowMs()));
      const execution = await tx.executionOfPlan(plan_id);
      const waiting = record.status === 'approved';
      const events = waiting
        ? [
            await changePlanStatus(
              tx,
              services,
              record,
              'denied',
              `approval revoked by ${actor.id}: ${reason}`,
            ),
          ]
        : [];
      return {
        result: {
          runs: execution !== null && execution.ended_at === null ? execution.execution_id : null,
          waiting,
        },
        audit: {
          action: 'approval.revoke',
          phase: 'event',
          subject: { kind: 'plan', id: plan_id },
          context: record.plan.context,
          outcome: { result: 'ok' },
          details: { approval_id, reason },
        },
        events,
      };
    });
    if (waiting) await services.closePlan(plan_id, `approval revoked by ${actor.id}`);
    if (runs !== null) {
      const signalId = newId('event', services.clock, services.random);
      await services.engine.signal(runs, signalId, 'revoke', { by: actor.id, reason });
    }
    return services.store.read.approvals(plan_id);
  },
};

import { countApprovals } from '@carapulse/approval';
import { AppError, idSchema, newId, toTimestamp } from '@carapulse/kernel';
import { PLAN_TRANSITIONS } from '@carapulse/plan';
import { z } from 'zod';
import type { Committed, WriteOperation } from '../operation.ts';
import { changePlanStatus } from '../plans/change-plan-status.ts';
import { loadPlan } from '../plans/load-plan.ts';
import type { ApprovalRecord, PlanRecord, StoreTransaction } from '../ports/index.ts';
import type { Services } from '../services.ts';
import { liveStatements } from './live-statements.ts';
import { recordCount } from './record-count.ts';

const Input = z.strictObject({
  plan_id: idSchema('plan'),
  approval_id: idSchema('approval'),
  reason: z.string().min(1).max(500),
});

/**
 * Takes an approval back. Steps that have not started don't start; what was written stays or is compensated by the
 * run's own rules: revocation never stops a compensation.
 * @throws AppError `forbidden` for somebody else's, `conflict` when it was taken back already or the plan has ended.
 */
export const revokeApproval: WriteOperation<z.infer<typeof Input>, readonly ApprovalRecord[]> = {
  kind: 'write',
  name: 'revoke-approval',
  permission: 'approval.decide',
  auditAction: 'approval.revoke',
  input: Input,
  run: async ({ actor, services }, { plan_id, approval_id, reason }, commit) => {
    const { runs, denied } = await commit(async (tx) => {
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
      if (PLAN_TRANSITIONS[record.status].length === 0) {
        throw new AppError(
          'conflict',
          `Plan ${plan_id} has ended (${record.status}); there is nothing left that the approval allows.`,
        );
      }
      await tx.revokeApproval(approval_id, actor.id, toTimestamp(services.clock.nowMs()));
      const execution = await tx.executionOfPlan(plan_id);
      const events = await follow(tx, services, record, `approval revoked by ${actor.id}: ${reason}`);
      return {
        result: {
          runs: execution !== null && execution.ended_at === null ? execution.execution_id : null,
          denied: record.status === 'approved',
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
    if (denied) await services.closePlan(plan_id, `approval revoked by ${actor.id}`);
    if (runs !== null) {
      const signalId = newId('event', services.clock, services.random);
      await services.engine.signal(runs, signalId, 'revoke', { by: actor.id, reason });
    }
    return services.store.read.approvals(plan_id);
  },
};

/** What has not begun is denied; what waits for more approvals goes on waiting with one less; a run is told. */
async function follow(
  tx: StoreTransaction,
  services: Services,
  record: PlanRecord,
  reason: string,
): Promise<Committed<null>['events']> {
  const { plan, status } = record;
  if (status === 'approved') return [await changePlanStatus(tx, services, record, 'denied', reason)];
  if (status !== 'awaiting_approval') return [];
  const statements = liveStatements(await tx.approvals(plan.plan_id));
  const count = countApprovals(plan, statements, services.trust, services.clock.nowMs());
  return [await recordCount(tx, services, record, count)];
}

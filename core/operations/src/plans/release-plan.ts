import { AppError, idSchema, toTimestamp } from '@carapulse/kernel';
import { z } from 'zod';
import type { WriteOperation } from '../operation.ts';
import type { PlanRecord } from '../ports/index.ts';
import { changePlanStatus } from './change-plan-status.ts';
import { loadPlan } from './load-plan.ts';

const Input = z.strictObject({ plan_id: idSchema('plan'), reason: z.string().min(1).max(500) });

/** Lets a held plan wait for approval again. Approvals given before count no more: the world has moved. */
export const releasePlan: WriteOperation<z.infer<typeof Input>, PlanRecord> = {
  kind: 'write',
  name: 'release-plan',
  permission: 'execution.control',
  auditAction: 'plan.release',
  input: Input,
  run: async ({ actor, services }, { plan_id, reason }, commit) => {
    await commit(async (tx) => {
      const record = await loadPlan(tx, actor.tenant_id, plan_id);
      if ((await tx.executionOfPlan(plan_id)) !== null) {
        throw new AppError(
          'conflict',
          `Plan ${plan_id} was dispatched already and runs at most once; make a new plan.`,
        );
      }
      const event = await changePlanStatus(
        tx,
        services,
        record,
        'awaiting_approval',
        `released by ${actor.id}: ${reason}`,
      );
      const at = toTimestamp(services.clock.nowMs());
      for (const approval of await tx.approvals(plan_id)) {
        if (approval.revoked_at === null) {
          await tx.revokeApproval(approval.approval_id, actor.id, at);
        }
      }
      return {
        result: null,
        audit: {
          action: 'plan.release',
          phase: 'event',
          subject: { kind: 'plan', id: plan_id },
          context: record.plan.context,
          outcome: { result: 'ok' },
          details: { reason },
        },
        events: [event],
      };
    });
    return loadPlan(services.store.read, actor.tenant_id, plan_id);
  },
};

import { AppError, idSchema, toTimestamp } from '@carapulse/kernel';
import { z } from 'zod';
import type { WriteOperation } from '../operation.ts';
import type { PlanRecord } from '../ports/index.ts';
import { assertNotExpired } from './assert-not-expired.ts';
import { changePlanStatus } from './change-plan-status.ts';
import { loadPlan } from './load-plan.ts';

const Input = z.strictObject({ plan_id: idSchema('plan'), reason: z.string().min(1).max(500) });

/**
 * Lets a held plan wait for approval again. Approvals given before count no more: the world has moved.
 * @throws AppError `forbidden_transition`, `plan_expired`, `conflict` when the plan has run.
 */
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
      const why = `released by ${actor.id}: ${reason}`;
      const event = await changePlanStatus(tx, services, record, 'awaiting_approval', why);
      const nowMs = services.clock.nowMs();
      assertNotExpired(record.plan, nowMs);
      const voided = (await tx.approvals(plan_id))
        .filter((each) => each.revoked_at === null)
        .map((each) => each.approval_id);
      for (const id of voided) await tx.revokeApproval(id, actor.id, toTimestamp(nowMs));
      return {
        result: null,
        audit: {
          action: 'plan.release',
          phase: 'event',
          subject: { kind: 'plan', id: plan_id },
          context: record.plan.context,
          outcome: { result: 'ok' },
          details: { reason, voided },
        },
        events: [event],
      };
    });
    return loadPlan(services.store.read, actor.tenant_id, plan_id);
  },
};

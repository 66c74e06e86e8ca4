import { AppError, idSchema } from '@carapulse/kernel';
import { z } from 'zod';
import type { WriteOperation } from '../operation.ts';
import type { PlanRecord } from '../ports/index.ts';
import { changePlanStatus } from './change-plan-status.ts';
import { loadPlan } from './load-plan.ts';

const Input = z.strictObject({ plan_id: idSchema('plan'), reason: z.string().min(1).max(500) });

/** Gives up a plan that is not running yet. A running one is cancelled through its execution. */
export const cancelPlan: WriteOperation<z.infer<typeof Input>, PlanRecord> = {
  kind: 'write',
  name: 'cancel-plan',
  permission: 'plan.cancel',
  auditAction: 'plan.cancel',
  input: Input,
  run: async ({ actor, services }, { plan_id, reason }, commit) => {
    await commit(async (tx) => {
      const record = await loadPlan(tx, actor.tenant_id, plan_id);
      if (record.status === 'executing' || record.status === 'parked') {
        throw new AppError(
          'conflict',
          `Plan ${plan_id} is running; cancel its execution with \`assistantctl exec cancel\`.`,
        );
      }
      const event = await changePlanStatus(
        tx,
        services,
        record,
        'cancelled',
        `cancelled by ${actor.id}: ${reason}`,
      );
      return {
        result: null,
        audit: {
          action: 'plan.cancel',
          phase: 'event',
          subject: { kind: 'plan', id: plan_id },
          context: record.plan.context,
          outcome: { result: 'ok' },
          details: { reason, plan_hash: record.plan.plan_hash },
        },
        events: [event],
      };
    });
    await services.closePlan(plan_id, `cancelled by ${actor.id}`);
    return loadPlan(services.store.read, actor.tenant_id, plan_id);
  },
};

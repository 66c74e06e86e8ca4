import { AppError, idSchema, newId, toTimestamp } from '@carapulse/kernel';
import { PLAN_TRANSITIONS, type PlanDraft } from '@carapulse/plan';
import { z } from 'zod';
import type { Committed, WriteOperation } from '../operation.ts';
import { changePlanStatus } from '../plans/change-plan-status.ts';
import { dispatchPlan } from '../plans/dispatch-plan.ts';
import { loadPlan } from '../plans/load-plan.ts';
import { proposePlan } from '../plans/propose-plan.ts';
import type { PlanRecord, StoreTransaction } from '../ports/index.ts';
import type { Services } from '../services.ts';
import { signForSession } from './sign-for-session.ts';

const BREAK_GLASS_MS = 3_600_000;
const Input = z.strictObject({
  plan_id: idSchema('plan'),
  reason: z.string().min(10, 'say in a sentence why this cannot wait').max(1000),
  incident_id: idSchema('incident'),
});

/**
 * Breaks the glass over a plan that policy denies or that cannot wait for its approvers: a new plan with the same
 * steps, judged by the break-glass rules, approved by the one person who asks, valid for at most an hour, announced
 * in the audit trail and due for review. Humans only.
 * @throws AppError `forbidden` for a service or agent, `policy_denied` when even the break-glass rules refuse,
 * `conflict` when the plan has run or was given up.
 */
export const breakGlassPlan: WriteOperation<z.infer<typeof Input>, PlanRecord> = {
  kind: 'write',
  name: 'break-glass-plan',
  permission: 'approval.break_glass',
  auditAction: 'approval.break_glass',
  input: Input,
  run: async (context, { plan_id, reason, incident_id }, commit) => {
    const { actor, services } = context;
    if (actor.kind !== 'human') {
      throw new AppError('forbidden', `${actor.id} is not a person; only people may break the glass.`);
    }
    const before = await loadPlan(services.store.read, actor.tenant_id, plan_id);
    assertNotGivenUp(before);
    if ((await services.store.read.executionOfPlan(plan_id)) !== null) {
      throw new AppError(
        'conflict',
        `Plan ${plan_id} was dispatched already; make a new plan from the present state.`,
      );
    }
    if ((await services.store.read.incident(actor.tenant_id, incident_id)) === null) {
      throw new AppError('not_found', `There is no incident ${incident_id}; break-glass needs one.`);
    }
    const nowMs = services.clock.nowMs();
    const expiresAt = toTimestamp(nowMs + BREAK_GLASS_MS);
    const record = await proposePlan(
      context,
      {
        draft: breakGlassDraft(
          before,
          newId('plan', services.clock, services.random),
          actor.id,
          incident_id,
          nowMs,
          expiresAt,
        ),
        services: [],
        breakGlass: { reason, incident_id, expires_at: expiresAt },
      },
      commit,
    );
    if (record.status === 'policy_denied') {
      throw new AppError(
        'policy_denied',
        `Policy refuses this even under break-glass: ${record.status_reason}.`,
        {
          details: { plan_id: record.plan.plan_id },
        },
      );
    }
    const statement = await signForSession(context, record.plan, {
      verdict: 'approve',
      comment: reason,
      breakGlass: { reason, incident_id },
    });
    await commit(async (tx) => {
      const replacing = await loadPlan(tx, actor.tenant_id, plan_id);
      assertNotGivenUp(replacing);
      await tx.insertApproval({
        approval_id: newId('approval', services.clock, services.random),
        plan_id: record.plan.plan_id,
        tenant_id: actor.tenant_id,
        statement,
        decided_at: toTimestamp(services.clock.nowMs()),
        revoked_at: null,
        revoked_by: null,
      });
      const current = await loadPlan(tx, actor.tenant_id, record.plan.plan_id);
      const events =
        current.status === 'approved'
          ? []
          : [
              await changePlanStatus(
                tx,
                services,
                current,
                'approved',
                `break-glass by ${actor.id}: ${reason}`,
              ),
            ];
      const replaced = await giveUp(tx, services, replacing, record.plan.plan_id);
      const dispatched = await dispatchPlan(tx, services, current);
      return {
        result: null,
        audit: {
          action: 'approval.break_glass',
          phase: 'event',
          subject: { kind: 'plan', id: record.plan.plan_id },
          context: record.plan.context,
          outcome: { result: 'ok' },
          details: { reason, incident_id, replaces: plan_id, expires_at: expiresAt, review: 'due' },
        },
        events: [...events, ...replaced, dispatched.event],
      };
    });
    await services.closePlan(plan_id, `replaced under break-glass by ${record.plan.plan_id}`);
    services.logger.warn('break-glass used', {
      plan_id: record.plan.plan_id,
      by: actor.id,
      reason,
      incident_id,
    });
    return loadPlan(services.store.read, actor.tenant_id, record.plan.plan_id);
  },
};

/** What was replaced under break-glass is given up as well: whoever asks twice must not have it carried out twice. */
function assertNotGivenUp({ plan, status, status_reason }: PlanRecord): void {
  if (status !== 'cancelled') return;
  throw new AppError(
    'conflict',
    `Plan ${plan.plan_id} was given up: ${status_reason}. Break the glass over a new plan.`,
  );
}

/** The plan that is replaced must not run as well. A denied one has ended already. */
async function giveUp(
  tx: StoreTransaction,
  services: Services,
  record: PlanRecord,
  by: string,
): Promise<Committed<null>['events']> {
  if (!PLAN_TRANSITIONS[record.status].includes('cancelled')) return [];
  return [await changePlanStatus(tx, services, record, 'cancelled', `replaced under break-glass by ${by}`)];
}

function breakGlassDraft(
  { plan }: PlanRecord,
  planId: string,
  by: string,
  incidentId: string,
  nowMs: number,
  expiresAt: string,
): PlanDraft {
  const { plan_hash: _hash, policy: _policy, ...draft } = plan;
  return {
    ...draft,
    plan_id: planId,
    created_by: by,
    created_at: toTimestamp(nowMs),
    incident_id: incidentId,
    origin: {
      ...plan.origin,
      planner: 'break_glass',
      because: [...plan.origin.because, `break-glass by ${by}`],
    },
    trigger: { kind: 'manual', ref: plan.plan_id },
    expires_at: expiresAt,
  };
}

import { AppError, idSchema, newId, toTimestamp } from '@carapulse/kernel';
import { PLAN_TRANSITIONS, type PlanDraft } from '@carapulse/plan';
import { z } from 'zod';
import { recordEvent } from '../audit-trail.ts';
import type { Committed, WriteOperation } from '../operation.ts';
import { changePlanStatus, planUpdated } from '../plans/change-plan-status.ts';
import { dispatchPlan } from '../plans/dispatch-plan.ts';
import { loadPlan } from '../plans/load-plan.ts';
import { judgeProposal, storeProposal } from '../plans/propose-plan.ts';
import type { PlanRecord, StoreReads, StoreTransaction } from '../ports/index.ts';
import type { Services } from '../services.ts';
import { signForSession } from './sign-for-session.ts';

const BREAK_GLASS_MS = 3_600_000;
const Input = z.strictObject({
  plan_id: idSchema('plan'),
  reason: z.string().min(10, 'say in a sentence why this cannot wait').max(1000),
  incident_id: idSchema('incident'),
});

/** How the reason of a plan begins that another one took the place of. */
const REPLACED_PREFIX = 'replaced under break-glass by ';

/**
 * Breaks the glass over a plan that policy denies or that cannot wait for its approvers: a new plan with the same
 * steps, judged by the break-glass rules, approved by the one person who asks, valid for at most an hour, announced
 * in the audit trail and due for review. All of it is one commit. Humans only.
 * @throws AppError `forbidden` for a service or agent, `policy_denied` when even the break-glass rules refuse,
 * `conflict` when the plan has run or was replaced, `forbidden_transition` when it ended otherwise.
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
    const before = await loadReplaceable(services.store.read, actor.tenant_id, plan_id);
    if ((await services.store.read.incident(actor.tenant_id, incident_id)) === null) {
      throw new AppError('not_found', `There is no incident ${incident_id}; break-glass needs one.`);
    }
    const nowMs = services.clock.nowMs();
    const expiresAt = toTimestamp(nowMs + BREAK_GLASS_MS);
    const planId = newId('plan', services.clock, services.random);
    const judged = await judgeProposal(context, {
      draft: breakGlassDraft(before, planId, actor.id, incident_id, nowMs, expiresAt),
      breakGlass: { reason, incident_id, expires_at: expiresAt },
    });
    if (judged.status === 'policy_denied') {
      await commit((tx) => storeProposal(tx, services, judged));
      throw new AppError(
        'policy_denied',
        `Policy refuses this even under break-glass: ${judged.status_reason}.`,
        { details: { plan_id: planId } },
      );
    }
    const statement = await signForSession(context, judged.plan, {
      verdict: 'approve',
      comment: reason,
      breakGlass: { reason, incident_id },
    });
    await commit(async (tx) => {
      const replaced = await giveUp(
        tx,
        services,
        await loadReplaceable(tx, actor.tenant_id, plan_id),
        planId,
      );
      const stored = await storeProposal(tx, services, judged);
      await tx.insertApproval({
        approval_id: newId('approval', services.clock, services.random),
        plan_id: planId,
        tenant_id: actor.tenant_id,
        statement,
        decided_at: toTimestamp(services.clock.nowMs()),
        revoked_at: null,
        revoked_by: null,
      });
      const why = `break-glass by ${actor.id}: ${reason}`;
      const approved =
        stored.result.status === 'approved'
          ? []
          : [await changePlanStatus(tx, services, stored.result, 'approved', why)];
      const dispatched = await dispatchPlan(tx, services, stored.result);
      await recordEvent(tx, context, stored.audit);
      return {
        result: null,
        audit: {
          action: 'approval.break_glass',
          phase: 'event',
          subject: { kind: 'plan', id: planId },
          context: judged.plan.context,
          outcome: { result: 'ok' },
          details: { reason, incident_id, replaces: plan_id, expires_at: expiresAt, review: 'due' },
        },
        events: [...stored.events, ...approved, replaced, dispatched.event],
      };
    });
    await services.closePlan(plan_id, `${REPLACED_PREFIX}${planId}`);
    services.logger.warn('break-glass used', { plan_id: planId, by: actor.id, reason, incident_id });
    return loadPlan(services.store.read, actor.tenant_id, planId);
  },
};

/** A plan that never ran, and that neither a person nor the state of the world has put an end to. */
async function loadReplaceable(reads: StoreReads, tenantId: string, planId: string): Promise<PlanRecord> {
  const record = await loadPlan(reads, tenantId, planId);
  const { status, status_reason } = record;
  if ((await reads.executionOfPlan(planId)) !== null) {
    throw new AppError(
      'conflict',
      `Plan ${planId} was dispatched already; make a new plan from the present state.`,
    );
  }
  if (status_reason.startsWith(REPLACED_PREFIX)) {
    throw new AppError('conflict', `Plan ${planId} was ${status_reason}; look at that one.`);
  }
  if (status !== 'policy_denied' && status !== 'expired' && PLAN_TRANSITIONS[status].length === 0) {
    throw new AppError(
      'forbidden_transition',
      `Plan ${planId} is ${status}; make a new plan from the present state.`,
      { details: { from: status } },
    );
  }
  return record;
}

/**
 * The plan that is replaced must not run as well, nor be replaced once more: one that has ended already keeps its
 * status, and its revision makes two who ask at once collide.
 */
async function giveUp(
  tx: StoreTransaction,
  services: Services,
  record: PlanRecord,
  by: string,
): Promise<Committed<null>['events'][number]> {
  const reason = `${REPLACED_PREFIX}${by}`;
  const { status, revision, plan } = record;
  if (PLAN_TRANSITIONS[status].length > 0) return changePlanStatus(tx, services, record, 'cancelled', reason);
  const updated_at = toTimestamp(services.clock.nowMs());
  await tx.updatePlan(plan.plan_id, revision, { status, status_reason: reason, updated_at });
  return planUpdated(plan.plan_id, status, reason);
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

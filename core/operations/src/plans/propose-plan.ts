import { toTimestamp } from '@carapulse/kernel';
import { freezePlan, planPolicyInput, type PlanDraft, type PlanStatus } from '@carapulse/plan';
import type { PolicyInput } from '@carapulse/policy';
import type { Commit, Committed, OperationContext } from '../operation.ts';
import type { PlanRecord, StoreTransaction } from '../ports/index.ts';
import { planUpdated } from './change-plan-status.ts';
import { dispatchPlan } from './dispatch-plan.ts';

export interface Proposal {
  readonly draft: PlanDraft;
  readonly services: readonly string[];
  readonly breakGlass: PolicyInput['action']['break_glass'];
  /** Rows that belong to the same moment, e.g. the investigation that led here. */
  readonly alongside?: (tx: StoreTransaction, record: PlanRecord) => Promise<Committed<null>['events']>;
}

/**
 * Lets policy decide on a draft, freezes it with the decision and stores it. Denied: kept as `policy_denied`, with the
 * reasons. Its incident resolved meanwhile: held. Allowed without approval and triggered by a machine: queued at once.
 * Everything else waits for people.
 */
export async function proposePlan(
  context: OperationContext,
  proposal: Proposal,
  commit: Commit,
): Promise<PlanRecord> {
  const { services, actor, signal } = context;
  const { draft } = proposal;
  const time = toTimestamp(services.clock.nowMs());
  const decision = await services.policy.decide(
    planPolicyInput(draft, {
      actor,
      phase: 'plan',
      time,
      stage: services.settings.stage,
      services: proposal.services,
      breakGlass: proposal.breakGlass,
    }),
    signal,
  );
  const plan = freezePlan(draft, decision);
  const status: PlanStatus =
    decision.decision === 'deny'
      ? 'policy_denied'
      : decision.decision === 'allow'
        ? 'approved'
        : 'awaiting_approval';
  const reason = decision.reasons.map((each) => each.message).join('; ');
  let record: PlanRecord = {
    plan,
    tenant_id: actor.tenant_id,
    status,
    status_reason: reason,
    revision: 1,
    updated_at: time,
  };
  await commit(async (tx) => {
    if (await hasLostItsReason(tx, record)) {
      record = { ...record, status: 'held', status_reason: 'the alerts of its incident have resolved' };
    }
    await tx.insertPlan(record);
    const more = (await proposal.alongside?.(tx, record)) ?? [];
    const automatic = record.status === 'approved' && plan.trigger.kind !== 'manual';
    const dispatched = automatic ? [(await dispatchPlan(tx, services, record)).event] : [];
    return {
      result: null,
      audit: {
        action: 'plan.create',
        phase: 'event',
        subject: { kind: 'plan', id: plan.plan_id },
        context: plan.context,
        decision: {
          decision: decision.decision,
          reasons: decision.reasons,
          bundle_digest: decision.bundle_digest,
        },
        outcome: { result: status === 'policy_denied' ? 'denied' : 'ok' },
        details: {
          plan_hash: plan.plan_hash,
          summary: plan.summary,
          origin: plan.origin.name,
          risk: plan.risk.level,
          rules: decision.reasons.map((each) => each.rule),
          incident_id: plan.incident_id,
        },
      },
      events: [planUpdated(plan.plan_id, record.status, record.status_reason), ...more, ...dispatched],
    };
  });
  return record;
}

/** The alerts may resolve while an investigation still looks: its plan is held like those made before. */
async function hasLostItsReason(
  tx: StoreTransaction,
  { plan, status, tenant_id }: PlanRecord,
): Promise<boolean> {
  if (status === 'policy_denied' || plan.trigger.kind === 'manual' || plan.incident_id === null) return false;
  const incident = await tx.incident(tenant_id, plan.incident_id);
  return incident?.status === 'resolved' || incident?.status === 'closed';
}

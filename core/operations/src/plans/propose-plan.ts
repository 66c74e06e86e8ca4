import { toTimestamp } from '@carapulse/kernel';
import {
  freezePlan,
  isAutomatic,
  planPolicyInput,
  type Plan,
  type PlanDraft,
  type PlanStatus,
} from '@carapulse/plan';
import { violatedConstraints, type Decision, type PolicyInput } from '@carapulse/policy';
import type { Commit, Committed, OperationContext } from '../operation.ts';
import type { PlanRecord, StoreTransaction } from '../ports/index.ts';
import type { Services } from '../services.ts';
import { planUpdated } from './change-plan-status.ts';
import { dispatchPlan } from './dispatch-plan.ts';

export interface Proposal {
  readonly draft: PlanDraft;
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
  const judged = await judgeProposal(context, proposal);
  return commit((tx) => storeProposal(tx, context.services, judged, proposal.alongside));
}

/**
 * The plan as it would be stored: frozen with what policy decides on it now. One that breaks a bound of that decision
 * is denied with it: nobody is asked to approve what the router would refuse.
 */
export async function judgeProposal(
  { services, actor, signal }: OperationContext,
  { draft, breakGlass }: Proposal,
): Promise<PlanRecord> {
  const time = toTimestamp(services.clock.nowMs());
  const { stage } = services.settings;
  const asked = planPolicyInput(draft, { actor, phase: 'plan', time, stage, breakGlass });
  const decision = await services.policy.decide(asked, signal);
  const broken = decision.decision === 'deny' ? [] : brokenBounds(draft, decision, Date.parse(time));
  const reasons = broken.length > 0 ? broken : decision.reasons.map((each) => each.message);
  return {
    plan: freezePlan(draft, decision),
    tenant_id: actor.tenant_id,
    status: broken.length > 0 ? 'policy_denied' : STATUS_OF[decision.decision],
    status_reason: reasons.join('; '),
    revision: 1,
    updated_at: time,
  };
}

/** What each write would be refused for. A window may open later, so it is left to the moment of the write. */
function brokenBounds(draft: PlanDraft, { constraints }: Decision, nowMs: number): readonly string[] {
  const writes = draft.steps.filter((step) => step.kind === 'write');
  const lasting = constraints.filter(({ kind }) => kind !== 'window');
  const messages = writes.flatMap(({ effects, rollback }) =>
    violatedConstraints(lasting, {
      effects,
      writeSteps: writes.length,
      maxRunMs: draft.max_run_ms,
      reversible: rollback.kind !== 'impossible',
      nowMs,
    }).map(({ message }) => message),
  );
  return [...new Set(messages)];
}

const STATUS_OF = {
  deny: 'policy_denied',
  allow: 'approved',
  require_approval: 'awaiting_approval',
} as const satisfies Record<Plan['policy']['decision'], PlanStatus>;

/** Stores a judged plan inside the caller's transaction. */
export async function storeProposal(
  tx: StoreTransaction,
  services: Services,
  judged: PlanRecord,
  alongside?: Proposal['alongside'],
): Promise<Committed<PlanRecord>> {
  const record: PlanRecord = (await hasLostItsReason(tx, judged))
    ? { ...judged, status: 'held', status_reason: 'the alerts of its incident have resolved' }
    : judged;
  const { plan, status, status_reason } = record;
  await tx.insertPlan(record);
  const more = (await alongside?.(tx, record)) ?? [];
  const automatic = status === 'approved' && isAutomatic(plan.trigger);
  const dispatched = automatic ? [(await dispatchPlan(tx, services, record)).event] : [];
  const { decision, reasons, bundle_digest } = plan.policy;
  return {
    result: record,
    audit: {
      action: 'plan.create',
      phase: 'event',
      subject: { kind: 'plan', id: plan.plan_id },
      context: plan.context,
      decision: { decision, reasons, bundle_digest },
      outcome: { result: status === 'policy_denied' ? 'denied' : 'ok' },
      details: {
        plan_hash: plan.plan_hash,
        summary: plan.summary,
        origin: plan.origin.name,
        trigger: plan.trigger,
        ...(plan.authors && { authors: plan.authors }),
        risk: plan.risk.level,
        rules: reasons.map((each) => each.rule),
        incident_id: plan.incident_id,
      },
    },
    events: [planUpdated(plan.plan_id, status, status_reason), ...more, ...dispatched],
  };
}

/** The alerts may resolve while an investigation still looks: its plan is held like those made before. */
async function hasLostItsReason(
  tx: StoreTransaction,
  { plan, status, tenant_id }: PlanRecord,
): Promise<boolean> {
  if (status === 'policy_denied' || !isAutomatic(plan.trigger) || plan.incident_id === null) return false;
  const incident = await tx.incident(tenant_id, plan.incident_id);
  return incident?.status === 'resolved' || incident?.status === 'closed';
}

import { hasPermission } from '@carapulse/governance';
import type { Actor, Assurance } from '@carapulse/kernel';
import type { Plan } from '@carapulse/plan';
import type { Constraint } from '@carapulse/policy';
import { distinctGroups } from './distinct-groups.ts';
import type { StatementRefusal } from './refusal.ts';
import { signatureIsValid } from './signing.ts';
import { SignedStatement } from './statement.ts';
import type { ApprovalStatement, TrustedKey, TrustStore } from './statement.ts';

/** How far the clocks of signer and verifier may lie apart. */
export const CLOCK_SKEW_MS = 60_000;

/** For judging the present: a revocation holds whatever the clock says now, also one that was set back. */
export const EVER = Number.POSITIVE_INFINITY;

/** A break-glass statement lives at most this long, whatever policy says. */
export const BREAK_GLASS_MAX_MS = 3_600_000;

/** What of a plan decides whether it is approved. */
export type ApprovablePlan = Pick<
  Plan,
  'plan_id' | 'plan_hash' | 'created_by' | 'authors' | 'context' | 'incident_id'
> & {
  readonly origin: Pick<Plan['origin'], 'planner'>;
  readonly policy: Pick<Plan['policy'], 'decision' | 'constraints'>;
};

/** The instants at which statements are judged, in milliseconds since the epoch. */
export interface ApprovalInstants {
  /** Statements must not have expired at this instant. */
  readonly validAtMs: number;
  /** Keys revoked at or before this instant do not count; `EVER` for none that was ever revoked. */
  readonly revokedByMs: number;
}

export interface ApprovalCount {
  /** Approvers that policy asks for; 0 when it allows without any. */
  readonly needed: number;
  readonly have: number;
  readonly missing: number;
  /** Groups that the approvers must cover one by one, and how many they do. */
  readonly distinctGroups: { readonly needed: number; readonly have: number };
  /** Ids of those who count, in the order of their statements. */
  readonly approvers: readonly string[];
  /** Who denied, or null. One denial voids the plan. */
  readonly deniedBy: string | null;
  /** The break-glass statement among those that count, or null. */
  readonly breakGlass: ApprovalStatement | null;
  /** Who broke the glass, with the roles and groups that were judged; null without such a statement. */
  readonly breakGlassBy: Actor | null;
  readonly satisfied: boolean;
  readonly refused: ReadonlyArray<{ readonly approver: string; readonly reason: StatementRefusal }>;
}

/**
 * Counts the statements that approve this very plan, by the constraints of its policy decision. The gateway asks
 * it to tell people what is missing, the tool router to decide; nothing but the trust store is believed.
 * @param at the present, or the instants of expiry and revocation (a run that has begun is judged as it began).
 */
export function countApprovals(
  plan: ApprovablePlan,
  statements: readonly unknown[],
  trust: TrustStore,
  at: number | ApprovalInstants,
): ApprovalCount {
  const instants = typeof at === 'number' ? { validAtMs: at, revokedByMs: EVER } : at;
  const rules = approvalRules(plan.policy);
  const counted = new Map<string, { actor: Approver; statement: ApprovalStatement }>();
  const refused: Array<{ approver: string; reason: StatementRefusal }> = [];
  let deniedBy: string | null = null;
  for (const candidate of statements) {
    const judged = judge(plan, candidate, trust, instants, rules);
    if (judged.kind === 'refused') refused.push({ approver: judged.approver, reason: judged.reason });
    else if (judged.statement.verdict === 'deny') deniedBy ??= judged.actor.id;
    else if (counted.has(judged.actor.id)) {
      refused.push({ approver: judged.actor.id, reason: 'approver_counted_already' });
    } else counted.set(judged.actor.id, judged);
  }
  const entries = [...counted.values()];
  const groups = distinctGroups(entries.map((entry) => entry.actor.groups));
  const glass = entries.find((entry) => entry.statement.break_glass !== null);
  const missing = Math.max(0, rules.approvers - counted.size);
  return {
    needed: rules.approvers,
    have: counted.size,
    missing,
    distinctGroups: { needed: rules.distinctGroups, have: groups },
    approvers: [...counted.keys()],
    deniedBy,
    breakGlass: glass?.statement ?? null,
    breakGlassBy: glass === undefined ? null : asPerson(plan, glass.actor, glass.statement),
    satisfied:
      plan.policy.decision !== 'deny' && deniedBy === null && missing === 0 && groups >= rules.distinctGroups,
    refused,
  };
}

function asPerson(plan: ApprovablePlan, approver: Approver, statement: ApprovalStatement): Actor {
  return {
    id: approver.id,
    kind: 'human',
    tenant_id: plan.context.tenant_id,
    roles: [...approver.roles],
    groups: [...approver.groups],
    assurance: statement.assurance,
  };
}

interface ApprovalRules {
  readonly approvers: number;
  readonly distinctGroups: number;
  readonly anyOf: ReadonlyArray<readonly string[]>;
  readonly minAssurance: number;
  readonly maxTtlMs: number;
}

function approvalRules(policy: ApprovablePlan['policy']): ApprovalRules {
  let approvers = policy.decision === 'allow' ? 0 : 1;
  let groups = 0;
  let minAssurance = 0;
  let maxTtlMs = Number.POSITIVE_INFINITY;
  const anyOf: Array<readonly string[]> = [];
  for (const constraint of policy.constraints as readonly Constraint[]) {
    if (constraint.kind === 'quorum') {
      approvers = Math.max(approvers, policy.decision === 'allow' ? 0 : constraint.approvers);
      groups = Math.max(groups, policy.decision === 'allow' ? 0 : constraint.distinct_groups);
    } else if (constraint.kind === 'approver_groups') anyOf.push(constraint.any_of);
    else if (constraint.kind === 'min_assurance') {
      minAssurance = Math.max(minAssurance, ASSURANCE_RANK[constraint.assurance]);
    } else if (constraint.kind === 'approval_ttl') maxTtlMs = Math.min(maxTtlMs, constraint.max_ms);
  }
  return { approvers, distinctGroups: groups, anyOf, minAssurance, maxTtlMs };
}

const ASSURANCE_RANK: Readonly<Record<Assurance, number>> = { service: -1, local: 0, session: 1, key: 2 };

type Approver = Pick<Actor, 'id' | 'roles' | 'groups'>;
type Judged =
  | { readonly kind: 'counts'; readonly actor: Approver; readonly statement: ApprovalStatement }
  | { readonly kind: 'refused'; readonly approver: string; readonly reason: StatementRefusal };

function judge(
  plan: ApprovablePlan,
  candidate: unknown,
  trust: TrustStore,
  instants: ApprovalInstants,
  rules: ApprovalRules,
): Judged {
  const parsed = SignedStatement.safeParse(candidate);
  if (!parsed.success) return { kind: 'refused', approver: 'unknown', reason: 'statement_malformed' };
  const { body, signed } = parsed.data;
  const refuse = (reason: StatementRefusal): Judged => ({ kind: 'refused', approver: body.approver, reason });
  if (body.plan_id !== plan.plan_id) return refuse('other_plan');
  if (body.plan_hash !== plan.plan_hash) return refuse('other_hash');
  if (body.requested_by !== plan.created_by) return refuse('requester_differs');
  const key = trust.key(signed.key_id);
  if (key === null) return refuse('key_unknown');
  if (key.purpose !== 'person' && key.purpose !== 'gateway') return refuse('key_purpose');
  if (key.revoked_at !== null && Date.parse(key.revoked_at) <= instants.revokedByMs)
    return refuse('key_revoked');
  if (!signatureIsValid(body, signed, key)) return refuse('signature_invalid');
  const actor = approverOf(plan, body, key, trust);
  if (typeof actor === 'string') return refuse(actor);
  if (body.verdict === 'deny') {
    const mayDeny = isRequester(plan, actor) || hasPermission(actor, 'approval.decide');
    return mayDeny ? { kind: 'counts', actor, statement: body } : refuse('not_permitted');
  }
  const reason = permissionRefusal(plan, body, actor) ?? strengthRefusal(body, actor, key, instants, rules);
  return reason === null ? { kind: 'counts', actor, statement: body } : refuse(reason);
}

/** Who really signed: by the trust store for a person's own key, by the gateway's word for one without. */
function approverOf(
  plan: ApprovablePlan,
  body: ApprovalStatement,
  key: TrustedKey,
  trust: TrustStore,
): Approver | StatementRefusal {
  if (body.assurance === 'service') return 'not_a_person';
  if (key.purpose === 'gateway') {
    return body.attested === undefined ? 'roles_unknown' : attestedNow(body.approver, body.attested, trust);
  }
  if (key.actor === null) return 'roles_unknown';
  if (key.actor.kind !== 'human') return 'not_a_person';
  if (key.actor.id !== body.approver) return 'approver_differs';
  return key.actor.tenant_id === plan.context.tenant_id ? key.actor : 'other_tenant';
}

/** The same trust, blind to what attested people may do by now: for undoing and proving what was approved then. */
export function trustAsAttested(trust: TrustStore): TrustStore {
  return { key: (keyId) => trust.key(keyId) };
}

/** Somebody whose roles are written here has no more of what was attested than those; keys that are revoked give none. */
function attestedNow(id: string, attested: Pick<Approver, 'roles' | 'groups'>, trust: TrustStore): Approver {
  const keys = trust.keysOf?.(id) ?? [];
  if (keys.length === 0) return { id, ...attested };
  const held = keys.filter((key) => key.revoked_at === null).flatMap((key) => key.actor?.roles ?? []);
  return { id, roles: attested.roles.filter((role) => held.includes(role)), groups: attested.groups };
}

/** Who asked for the plan, or wrote what it was made from. */
function isRequester(plan: ApprovablePlan, { id }: Approver): boolean {
  return id === plan.created_by || plan.authors?.includes(id) === true;
}

function permissionRefusal(
  plan: ApprovablePlan,
  body: ApprovalStatement,
  actor: Approver,
): StatementRefusal | null {
  if (body.break_glass === null) {
    if (isRequester(plan, actor)) return 'self_approval';
    return hasPermission(actor, 'approval.decide') ? null : 'not_permitted';
  }
  if (!hasPermission(actor, 'approval.break_glass')) return 'not_permitted';
  const fits = plan.origin.planner === 'break_glass' && plan.incident_id === body.break_glass.incident_id;
  return fits ? null : 'break_glass_not_allowed';
}

function strengthRefusal(
  body: ApprovalStatement,
  actor: Approver,
  key: TrustedKey,
  instants: ApprovalInstants,
  rules: ApprovalRules,
): StatementRefusal | null {
  if (key.purpose === 'gateway' && body.assurance === 'key') return 'assurance_overstated';
  if (ASSURANCE_RANK[body.assurance] < rules.minAssurance) return 'assurance_too_low';
  if (!rules.anyOf.every((groups) => groups.some((group) => actor.groups.includes(group)))) {
    return 'group_not_allowed';
  }
  const issuedMs = Date.parse(body.issued_at);
  const expiresMs = Date.parse(body.expires_at);
  const longestMs = body.break_glass === null ? rules.maxTtlMs : Math.min(rules.maxTtlMs, BREAK_GLASS_MAX_MS);
  if (expiresMs - issuedMs > longestMs) return 'ttl_too_long';
  if (issuedMs > instants.validAtMs + CLOCK_SKEW_MS) return 'not_yet_valid';
  return instants.validAtMs >= expiresMs ? 'expired' : null;
}

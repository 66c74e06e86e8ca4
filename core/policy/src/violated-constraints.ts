import { Constraint } from './constraint.ts';
import type { Effect } from './effect.ts';
import { matchesPattern } from './glob-pattern.ts';

/** One approval that counts for a plan, as far as constraints can judge it. */
export interface ApprovalFacts {
  readonly approver_id: string;
  readonly groups: readonly string[];
  /** `service` never satisfies a `min_assurance`. */
  readonly assurance: 'key' | 'session' | 'local' | 'service';
  /** RFC 3339 instants. */
  readonly issued_at: string;
  readonly expires_at: string;
}

/**
 * What constraints are held against. A field that is `null` or left out is unknown, and a constraint about
 * it is violated, except that without `approvals` those about approvals are not yet asked.
 */
export interface ConstraintFacts {
  readonly effects: readonly Effect[];
  readonly write_steps: number;
  readonly max_run_time_ms: number | null;
  /** True when every write has a rollback that can be called. */
  readonly has_rollback: boolean;
  /** RFC 3339 instant of the question. */
  readonly time: string;
  /** Left out while approvals are still being gathered. */
  readonly approvals?: readonly ApprovalFacts[];
}

/** A constraint that does not hold, and a sentence for people that says why. */
export interface Violation {
  readonly kind: string;
  readonly message: string;
}

/**
 * The constraints that `facts` do not satisfy, in the order given; empty means all hold. Data that is not a
 * known constraint is a violation of kind `unknown`, so that an older enforcer never passes a newer bound.
 */
export function violatedConstraints(
  constraints: readonly unknown[],
  facts: ConstraintFacts,
): readonly Violation[] {
  return constraints.flatMap((candidate): Violation[] => {
    const parsed = Constraint.safeParse(candidate);
    if (!parsed.success) {
      return [{ kind: 'unknown', message: `Not a known constraint: ${describe(candidate)}` }];
    }
    return violationsOf(parsed.data, facts).map((message) => ({ kind: parsed.data.kind, message }));
  });
}

function violationsOf(constraint: Constraint, facts: ConstraintFacts): readonly string[] {
  switch (constraint.kind) {
    case 'quorum':
      return quorumViolations(constraint, facts.approvals);
    case 'approver_groups':
      return violationsIn(
        facts.approvals ?? [],
        (approval) => approval.groups.some((group) => constraint.any_of.includes(group)),
        (approval) => `${approval.approver_id} is in none of the groups ${constraint.any_of.join(', ')}`,
      );
    case 'min_assurance':
      return violationsIn(
        facts.approvals ?? [],
        (approval) => ASSURANCE_RANK[approval.assurance] >= ASSURANCE_RANK[constraint.assurance],
        (approval) =>
          `${approval.approver_id} approved with assurance ${approval.assurance}; ${constraint.assurance} is needed`,
      );
    case 'approval_ttl':
      return violationsIn(
        facts.approvals ?? [],
        (approval) => isInTime(approval, constraint.max_ms, facts.time),
        (approval) =>
          `The approval of ${approval.approver_id} is void: older than ${constraint.max_ms} ms or expired`,
      );
    case 'allowed_targets':
      return outside(targetsOf(facts.effects), constraint.patterns, 'target');
    case 'allowed_paths':
      return outside(pathsOf(facts.effects), constraint.patterns, 'path');
    case 'allowed_namespaces':
      return violationsIn(
        namespacesOf(facts.effects),
        (namespace) => constraint.namespaces.includes(namespace),
        (namespace) => `The namespace ${namespace} is not allowed`,
      );
    case 'allowed_images':
      return outside(imagesOf(facts.effects), constraint.patterns, 'image');
    case 'max_replicas':
      return facts.effects.flatMap((effect) =>
        effect.kind === 'scale' ? over(effect.replicas, constraint.max, `replicas of ${effect.target}`) : [],
      );
    case 'max_files_changed':
      return over(sumOfPushes(facts.effects, 'files_changed'), constraint.max, 'files changed');
    case 'max_lines_changed':
      return over(sumOfPushes(facts.effects, 'lines_changed'), constraint.max, 'lines changed');
    case 'max_write_steps':
      return over(facts.write_steps, constraint.max, 'write steps');
    case 'max_run_time':
      if (facts.max_run_time_ms === null) return ['The maximum run time is not known'];
      return over(facts.max_run_time_ms, constraint.max_ms, 'ms of run time');
    case 'window':
      return isWithin(facts.time, constraint.not_before, constraint.not_after)
        ? []
        : [`${facts.time} is outside of ${constraint.not_before} to ${constraint.not_after}`];
    case 'require_rollback':
      return facts.has_rollback ? [] : ['A write has no rollback that can be called'];
    default:
      return [`${JSON.stringify(constraint satisfies never)} is not enforced`];
  }
}

const ASSURANCE_RANK = { service: -1, local: 0, session: 1, key: 2 } as const;

function quorumViolations(
  quorum: Extract<Constraint, { kind: 'quorum' }>,
  approvals: readonly ApprovalFacts[] | undefined,
): readonly string[] {
  if (approvals === undefined) return [];
  const approvers = new Set(approvals.map((approval) => approval.approver_id));
  const groups = distinctGroups(approvals);
  return [
    ...(approvers.size < quorum.approvers ? [`${approvers.size} of ${quorum.approvers} approvers`] : []),
    ...(groups < quorum.distinct_groups ? [`${groups} of ${quorum.distinct_groups} distinct groups`] : []),
  ];
}

/** How many groups can be represented with each approver standing for one: a maximum bipartite matching. */
function distinctGroups(approvals: readonly ApprovalFacts[]): number {
  const groupsOf = new Map<string, Set<string>>();
  for (const { approver_id: id, groups } of approvals) {
    groupsOf.set(id, new Set([...(groupsOf.get(id) ?? []), ...groups]));
  }
  const heldBy = new Map<string, string>();
  const place = (approver: string, tried: Set<string>): boolean => {
    for (const group of groupsOf.get(approver) ?? []) {
      if (tried.has(group)) continue;
      tried.add(group);
      const holder = heldBy.get(group);
      if (holder === undefined || place(holder, tried)) {
        heldBy.set(group, approver);
        return true;
      }
    }
    return false;
  };
  return [...groupsOf.keys()].filter((approver) => place(approver, new Set())).length;
}

function isInTime(approval: ApprovalFacts, maxMs: number, time: string): boolean {
  const issued = Date.parse(approval.issued_at);
  const expires = Date.parse(approval.expires_at);
  const now = Date.parse(time);
  // Any unreadable instant is NaN and makes this false.
  return now < expires && now - issued <= maxMs && expires - issued <= maxMs;
}

function isWithin(time: string, notBefore: string, notAfter: string): boolean {
  const now = Date.parse(time);
  return Date.parse(notBefore) <= now && now <= Date.parse(notAfter);
}

function targetsOf(effects: readonly Effect[]): readonly string[] {
  return effects.map((effect) => effect.target);
}

function pathsOf(effects: readonly Effect[]): readonly string[] {
  return effects.flatMap((effect) => (effect.kind === 'git_push' ? effect.paths : []));
}

function namespacesOf(effects: readonly Effect[]): readonly string[] {
  return effects.flatMap((effect) =>
    effect.kind === 'scale' || effect.kind === 'deploy' ? [effect.namespace] : [],
  );
}

function imagesOf(effects: readonly Effect[]): readonly string[] {
  return effects.flatMap((effect) => (effect.kind === 'deploy' ? effect.images : []));
}

function sumOfPushes(effects: readonly Effect[], field: 'files_changed' | 'lines_changed'): number {
  return effects.reduce((sum, effect) => sum + (effect.kind === 'git_push' ? effect[field] : 0), 0);
}

function over(amount: number, max: number, what: string): readonly string[] {
  return amount <= max ? [] : [`${amount} ${what}; ${max} are allowed`];
}

function outside(texts: readonly string[], patterns: readonly string[], what: string): readonly string[] {
  return violationsIn(
    texts,
    (text) => patterns.some((pattern) => matchesPattern(pattern, text)),
    (text) => `The ${what} ${text} is not allowed`,
  );
}

function violationsIn<T>(
  items: readonly T[],
  holds: (item: T) => boolean,
  message: (item: T) => string,
): readonly string[] {
  return items.filter((item) => !holds(item)).map(message);
}

function describe(candidate: unknown): string {
  if (typeof candidate !== 'object' || candidate === null || !('kind' in candidate)) return typeof candidate;
  return String(candidate.kind).slice(0, 80);
}

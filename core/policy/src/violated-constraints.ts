import { Constraint } from './constraint.ts';
import type { Effect } from './effect.ts';
import { matchesPattern } from './glob-pattern.ts';

/** What constraints are held against, before an effect. `null` is unknown, and a constraint about it is violated. */
export interface ConstraintFacts {
  readonly effects: readonly Effect[];
  readonly writeSteps: number;
  readonly maxRunMs: number | null;
  /** True when no write is without a way back. */
  readonly reversible: boolean;
  readonly nowMs: number;
}

/** A constraint that does not hold, and a sentence for people that says why. */
export interface Violation {
  readonly kind: string;
  readonly message: string;
}

/**
 * The constraints that `facts` do not satisfy, in the order given; empty means all hold. Data that is not a
 * known constraint is a violation of kind `unknown`, so that an older enforcer never passes a newer bound.
 * The bounds on approvals (`quorum`, `approver_groups`, `min_assurance`, `approval_ttl`) need the signed statements
 * and the trust store; `countApprovals` of core/approval holds those.
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
    case 'approver_groups':
    case 'min_assurance':
    case 'approval_ttl':
      return [];
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
      return over(facts.writeSteps, constraint.max, 'write steps');
    case 'max_run_time':
      if (facts.maxRunMs === null) return ['The maximum run time is not known'];
      return over(facts.maxRunMs, constraint.max_ms, 'ms of run time');
    case 'window':
      return isWithin(facts.nowMs, constraint.not_before, constraint.not_after)
        ? []
        : [`It is outside of ${constraint.not_before} to ${constraint.not_after}`];
    case 'require_rollback':
      return facts.reversible ? [] : ['A write has no rollback'];
    default:
      return [`${JSON.stringify(constraint satisfies never)} is not enforced`];
  }
}

function isWithin(nowMs: number, notBefore: string, notAfter: string): boolean {
  return Date.parse(notBefore) <= nowMs && nowMs <= Date.parse(notAfter);
}

function targetsOf(effects: readonly Effect[]): readonly string[] {
  return effects.map((effect) => effect.target);
}

function pathsOf(effects: readonly Effect[]): readonly string[] {
  return effects.flatMap((effect) => (effect.kind === 'git_push' ? effect.paths : []));
}

function namespacesOf(effects: readonly Effect[]): readonly string[] {
  return effects.flatMap((effect) => {
    if ('namespaces' in effect) return effect.namespaces;
    return 'namespace' in effect ? [effect.namespace] : [];
  });
}

function imagesOf(effects: readonly Effect[]): readonly string[] {
  return effects.flatMap((effect) => ('images' in effect ? effect.images : []));
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

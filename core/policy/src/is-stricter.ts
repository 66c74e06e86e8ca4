import type { Constraint } from './constraint.ts';
import type { Decision } from './policy.ts';

type Judged = Pick<Decision, 'decision' | 'constraints'>;

const OUTCOME_RANK = { allow: 0, require_approval: 1, deny: 2 } as const;

/**
 * Whether `next` permits anything less than `previous` did; if so, approvals given under `previous` are void.
 * Reasons, time to live and the bundle's digest do not matter. Where two bounds cannot be compared (patterns
 * that differ), `next` counts as stricter. Not a total order: of two decisions each may be stricter.
 */
export function isStricter(next: Judged, previous: Judged): boolean {
  if (next.decision === 'deny') return previous.decision !== 'deny';
  if (OUTCOME_RANK[next.decision] > OUTCOME_RANK[previous.decision]) return true;
  if (previous.decision === 'deny') return false;
  return next.constraints.some((bound) => !impliedBy(bound, previous.constraints));
}

/** True when anything that satisfies all of `bounds` satisfies `bound`, as far as one of them alone shows it. */
function impliedBy(bound: Constraint, bounds: readonly Constraint[]): boolean {
  return bounds.some((candidate) => candidate.kind === bound.kind && implies(candidate, bound));
}

const ASSURANCE_RANK = { local: 0, session: 1, key: 2 } as const;

function implies(tight: Constraint, loose: Constraint): boolean {
  switch (loose.kind) {
    case 'quorum':
      return (
        tight.kind === 'quorum' &&
        tight.approvers >= loose.approvers &&
        tight.distinct_groups >= loose.distinct_groups
      );
    case 'approver_groups':
      return tight.kind === 'approver_groups' && isSubset(tight.any_of, loose.any_of);
    case 'min_assurance':
      return (
        tight.kind === 'min_assurance' && ASSURANCE_RANK[tight.assurance] >= ASSURANCE_RANK[loose.assurance]
      );
    case 'approval_ttl':
    case 'max_run_time':
      return tight.kind === loose.kind && tight.max_ms <= loose.max_ms;
    case 'max_replicas':
    case 'max_files_changed':
    case 'max_lines_changed':
    case 'max_write_steps':
      return tight.kind === loose.kind && tight.max <= loose.max;
    case 'allowed_targets':
    case 'allowed_paths':
    case 'allowed_images':
      return (
        tight.kind === loose.kind &&
        (loose.patterns.includes('**') || isSubset(tight.patterns, loose.patterns))
      );
    case 'allowed_namespaces':
      return tight.kind === 'allowed_namespaces' && isSubset(tight.namespaces, loose.namespaces);
    case 'window':
      return (
        tight.kind === 'window' &&
        Date.parse(loose.not_before) <= Date.parse(tight.not_before) &&
        Date.parse(tight.not_after) <= Date.parse(loose.not_after)
      );
    case 'require_rollback':
      return tight.kind === 'require_rollback';
    default:
      loose satisfies never;
      return false;
  }
}

function isSubset(part: readonly string[], whole: readonly string[]): boolean {
  return part.every((item) => whole.includes(item));
}

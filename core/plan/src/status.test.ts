import { AppError } from '@carapulse/kernel';
import { describe, expect, it } from 'vitest';
import {
  assertExecutionTransition,
  assertPlanTransition,
  EXECUTION_TRANSITIONS,
  ExecutionStatus,
  PLAN_TRANSITIONS,
  PlanStatus,
} from './status.ts';

describe.each([
  {
    what: 'plan',
    statuses: PlanStatus.options as readonly string[],
    table: PLAN_TRANSITIONS as Record<string, readonly string[]>,
    assert: assertPlanTransition as (a: string, b: string) => void,
  },
  {
    what: 'execution',
    statuses: ExecutionStatus.options as readonly string[],
    table: EXECUTION_TRANSITIONS as Record<string, readonly string[]>,
    assert: assertExecutionTransition as (a: string, b: string) => void,
  },
])('the state machine of a $what', ({ statuses, table, assert }) => {
  const pairs = statuses.flatMap((from) => statuses.map((to) => [from, to] as const));

  it('allows what the table says and refuses every other pair with a typed error that names both ends', () => {
    for (const [from, to] of pairs) {
      if (table[from]?.includes(to)) {
        assert(from, to);
        continue;
      }
      const error = catchError(() => assert(from, to));
      expect(error).toMatchObject({ code: 'forbidden_transition', details: { from, to } });
      expect(error.message).toContain(from);
    }
  });

  it('never goes from a status to itself', () => {
    for (const status of statuses) expect(table[status]).not.toContain(status);
  });
});

describe('the life of a plan', () => {
  const ends = PlanStatus.options.filter((status) => PLAN_TRANSITIONS[status].length === 0);

  it('ends only in these', () => {
    expect(ends.toSorted()).toEqual(
      [
        'cancelled',
        'denied',
        'expired',
        'failed',
        'policy_denied',
        'rolled_back',
        'stale',
        'succeeded',
        'succeeded_with_skips',
      ].toSorted(),
    );
  });

  it('reaches an execution only from approved, or from parked by a person', () => {
    const before = PlanStatus.options.filter((status) => PLAN_TRANSITIONS[status].includes('executing'));
    expect(before.toSorted()).toEqual(['approved', 'parked']);
  });

  it('can always end from wherever it is', () => {
    for (const start of PlanStatus.options) {
      const seen = new Set<PlanStatus>([start]);
      for (const status of seen) for (const next of PLAN_TRANSITIONS[status]) seen.add(next);
      expect([...seen].filter((status) => ends.includes(status))).not.toEqual([]);
    }
  });
});

function catchError(work: () => void): AppError {
  try {
    work();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

import { describe, expect, it } from 'vitest';
import { diffPlans } from './diff-plans.ts';
import { fixturePlan, fixtureRead, fixtureWrite } from './plan-fixture.ts';

describe('diffPlans', () => {
  it('finds nothing between two plans that differ only in who they are', () => {
    const other = fixturePlan({ plan_id: 'pl_01jd7q8z9abcdefghjkmnpqrsv', created_by: 'user:bea' });
    expect(diffPlans(fixturePlan(), other)).toEqual([]);
  });

  it('names each place by its step, with both values', () => {
    const steps = [fixtureRead('look'), { ...fixtureWrite('revert', ['look']), timeout_ms: 1 }];
    expect(diffPlans(fixturePlan(), fixturePlan({ steps }))).toEqual([
      { pointer: '/steps/revert/timeout_ms', before: 30_000, after: 1 },
    ]);
  });

  it('shows a step that is new or gone as one whose side is absent', () => {
    const differences = diffPlans(fixturePlan(), fixturePlan({ steps: [fixtureWrite('revert')] }));
    expect(differences.find((each) => each.pointer === '/steps/look')).toMatchObject({ after: undefined });
    expect(differences.some((each) => each.pointer === '/steps/revert/depends_on/0')).toBe(true);
  });
});

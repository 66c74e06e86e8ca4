import { describe, expect, it } from 'vitest';
import { testPlan, TEST_IDS } from '@carapulse/approval/testing';
import { invoke } from '../operation.ts';
import { createHarness } from '../testing/index.ts';
import { listPlans } from './list-plans.ts';

const planId = (digit: number): string => `pl_${String(digit).repeat(26)}`;

async function setUp() {
  const harness = createHarness();
  await harness.storePlan(testPlan({ plan_id: planId(1), incident_id: TEST_IDS.incident }), 'approved');
  await harness.storePlan(testPlan({ plan_id: planId(2) }), 'held');
  await harness.storePlan(testPlan({ plan_id: planId(3), incident_id: TEST_IDS.incident }), 'held');
  const list = async (input: object, tenant_id = 'acme') => {
    const page = await invoke(listPlans, harness.as({ id: 'user:bob', tenant_id }), input);
    return { ids: page.items.map(({ plan }) => plan.plan_id), next: page.next };
  };
  return { harness, list };
}

describe('list-plans', () => {
  it.each([
    ['everything', {}, [3, 2, 1]],
    ['one status', { status: ['held'] }, [3, 2]],
    ['several', { status: ['held', 'approved'] }, [3, 2, 1]],
    ['an incident', { incident_id: TEST_IDS.incident }, [3, 1]],
    ['both', { incident_id: TEST_IDS.incident, status: ['held'] }, [3]],
    ['a status that no plan has', { status: ['failed'] }, []],
  ])('gives by %s, newest first', async (_, input, digits) => {
    const { list } = await setUp();
    expect(await list(input)).toEqual({ ids: digits.map(planId), next: null });
  });

  it('goes on where the former page ended, until there are no more', async () => {
    const { list } = await setUp();
    const first = await list({ limit: 2 });
    expect(first).toEqual({ ids: [planId(3), planId(2)], next: planId(2) });
    expect(await list({ limit: 2, after: first.next })).toEqual({ ids: [planId(1)], next: null });
  });

  it("shows nothing of another tenant's", async () => {
    expect((await (await setUp()).list({}, 'other')).ids).toEqual([]);
  });

  it.each([{ limit: 0 }, { limit: 201 }, { status: ['gone'] }, { incident_id: 'inc_1' }, { state: 'held' }])(
    'refuses %o',
    async (input) => {
      const { harness, list } = await setUp();
      expect(await harness.refusal(() => list(input))).toMatchObject({ code: 'invalid_input' });
    },
  );
});

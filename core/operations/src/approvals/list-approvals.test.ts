import { describe, expect, it } from 'vitest';
import { testKey, testPlan, testStatement, TEST_IDS } from '@carapulse/approval/testing';
import { invoke } from '../operation.ts';
import { createHarness } from '../testing/index.ts';
import { listApprovals } from './list-approvals.ts';

async function setUp() {
  const harness = createHarness();
  const [plan, other] = [testPlan(), testPlan({ plan_id: TEST_IDS.otherPlan })];
  const ids: string[] = [];
  for (const each of [plan, other]) {
    await harness.storePlan(each);
    for (const name of ['user:bob', 'user:carol']) {
      harness.nowMs += 1000;
      const nonce = `nonce of ${name}, long`;
      const statement = await testStatement(each, testKey(name, 'person'), { nonce });
      ids.push(await harness.approve(each, statement));
    }
  }
  await harness.store.transaction((tx) =>
    tx.revokeApproval(ids[0] ?? '', 'user:bob', '2026-01-10T12:00:00.000Z'),
  );
  const list = (plan_id: string, tenant_id = 'acme') =>
    invoke(listApprovals, harness.as({ id: 'user:dave', tenant_id }), { plan_id });
  return { harness, plan, ids, list };
}

describe('list-approvals', () => {
  it('gives what was decided about one plan, oldest first, also what was taken back, and leaves no trace', async () => {
    const { harness, plan, ids, list } = await setUp();
    const found = await list(plan.plan_id);
    expect(found.map(({ approval_id }) => approval_id)).toEqual(ids.slice(0, 2));
    expect(found.map(({ revoked_by }) => revoked_by)).toEqual(['user:bob', null]);
    expect(await harness.audit()).toEqual([]);
  });

  it.each([
    ['an unknown plan', `pl_${'2'.repeat(26)}`, 'acme', 'not_found'],
    ["another tenant's", TEST_IDS.plan, 'other', 'not_found'],
    ['what is no id', 'pl_1', 'acme', 'invalid_input'],
  ])('refuses %s', async (_, planId, tenant, code) => {
    const { harness, list } = await setUp();
    expect(await harness.refusal(() => list(planId, tenant))).toMatchObject({ code, audited: [] });
  });
});

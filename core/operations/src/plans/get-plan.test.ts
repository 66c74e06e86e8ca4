import { describe, expect, it } from 'vitest';
import { testKey, testPlan, testStatement, TEST_IDS } from '@carapulse/approval/testing';
import { invoke } from '../operation.ts';
import { createHarness } from '../testing/index.ts';
import { getPlan } from './get-plan.ts';

async function setUp() {
  const harness = createHarness();
  const plan = testPlan();
  const record = await harness.storePlan(plan);
  const get = (plan_id: string = plan.plan_id, tenant_id = 'acme') =>
    invoke(getPlan, harness.as({ id: 'user:bob', tenant_id }), { plan_id });
  return { harness, plan, record, get };
}

describe('get-plan', () => {
  it('shows a plan that nobody has decided on: no approvals, no run, what is missing', async () => {
    const { record, get } = await setUp();
    expect(await get()).toMatchObject({
      record,
      approvals: [],
      execution: null,
      count: { needed: 1, have: 0, missing: 1, satisfied: false },
    });
  });

  it('shows every approval, counts those that count now, and names the run', async () => {
    const { harness, plan, get } = await setUp();
    const keys = ['user:carol', 'user:dave'].map((id) => testKey(id, 'person'));
    const ids: string[] = [];
    for (const key of keys) {
      harness.trust(key.trusted);
      const nonce = `nonce of ${key.trusted.key_id}`;
      ids.push(await harness.approve(plan, await testStatement(plan, key, { nonce })));
    }
    await harness.store.transaction((tx) =>
      tx.revokeApproval(ids[0] ?? '', 'user:carol', '2026-01-10T12:00:00.000Z'),
    );
    const { execution_id } = await harness.queue(plan);
    const detail = await get();
    expect(detail.approvals.map((each) => each.approval_id)).toEqual(ids);
    expect(detail).toMatchObject({
      count: { have: 1, satisfied: true, approvers: ['user:dave'] },
      execution: { execution_id },
    });
    harness.nowMs += 900_000;
    expect(await get()).toMatchObject({ count: { have: 0, refused: [{ reason: 'expired' }] } });
  });

  it('knows no unknown plan and none of another tenant, and leaves no trace', async () => {
    const { harness, plan, get } = await setUp();
    for (const call of [() => get(TEST_IDS.otherPlan), () => get(plan.plan_id, 'other')])
      expect(await harness.refusal(call)).toMatchObject({ code: 'not_found', audited: [] });
    await get();
    expect(await harness.audit()).toEqual([]);
  });
});

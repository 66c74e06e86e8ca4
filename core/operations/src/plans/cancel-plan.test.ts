import { describe, expect, it } from 'vitest';
import { testPlan, TEST_IDS } from '@carapulse/approval/testing';
import { PLAN_TRANSITIONS, type PlanStatus } from '@carapulse/plan';
import { invoke } from '../operation.ts';
import { createHarness } from '../testing/index.ts';
import { cancelPlan } from './cancel-plan.ts';

async function setUp(status: PlanStatus) {
  const harness = createHarness();
  const plan = testPlan({ context: { tenant_id: 'acme', environment: 'staging' } });
  await harness.storePlan(plan, status);
  const cancel = (change: object = {}, tenant_id = 'acme') =>
    invoke(cancelPlan, harness.as({ id: 'user:bob', tenant_id }), {
      plan_id: plan.plan_id,
      reason: 'not needed',
      ...change,
    });
  return { harness, plan, cancel };
}

describe('cancel-plan', () => {
  it.each(['awaiting_approval', 'held', 'approved'] as const)(
    'gives up a plan that is %s, in the database and outside it, audited',
    async (status) => {
      const { harness, plan, cancel } = await setUp(status);
      expect(await cancel()).toMatchObject({
        status: 'cancelled',
        status_reason: 'cancelled by user:bob: not needed',
        revision: 2,
      });
      expect(harness.closed).toEqual([plan.plan_id]);
      expect(await harness.audit()).toMatchObject([
        {
          action: 'plan.cancel',
          actor: { id: 'user:bob' },
          subject: { kind: 'plan', id: plan.plan_id },
          context: { environment: 'staging' },
          outcome: { result: 'ok' },
          details: { reason: 'not needed', plan_hash: plan.plan_hash },
        },
      ]);
      expect(await harness.store.read.events('acme', 0, 10)).toMatchObject([
        { type: 'plan.updated', data: { status: 'cancelled' } },
      ]);
    },
  );

  const ended = Object.entries(PLAN_TRANSITIONS).flatMap(([status, next]) =>
    next.length === 0 ? [[status as PlanStatus, 'forbidden_transition'] as const] : [],
  );
  it.each([['executing', 'conflict'], ['parked', 'conflict'], ...ended] as const)(
    'refuses a plan that is %s with %s',
    async (status, code) => {
      const { harness, cancel } = await setUp(status);
      expect(await harness.refusal(() => cancel())).toMatchObject({ code, audited: [] });
    },
  );

  it.each([
    ['an unknown plan', { plan_id: TEST_IDS.otherPlan }, 'acme', 'not_found'],
    ["another tenant's plan", {}, 'other', 'not_found'],
    ['no reason', { reason: '' }, 'acme', 'invalid_input'],
  ] as const)('refuses %s', async (_, change, tenant, code) => {
    const { harness, cancel } = await setUp('awaiting_approval');
    expect(await harness.refusal(() => cancel(change, tenant))).toMatchObject({ code, audited: [] });
  });

  it('refuses to cancel twice', async () => {
    const { harness, cancel } = await setUp('awaiting_approval');
    await cancel();
    expect(await harness.refusal(() => cancel())).toMatchObject({ code: 'forbidden_transition' });
  });

  it('closes nothing when its commit fails', async () => {
    const { harness, cancel } = await setUp('awaiting_approval');
    harness.store.beforeCommit = () => {
      throw new Error('the disk is full');
    };
    expect(await harness.refusal(() => cancel())).toMatchObject({ code: 'internal' });
  });
});

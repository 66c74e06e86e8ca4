import { describe, expect, it } from 'vitest';
import { testKey, testPlan, testStatement, TEST_IDS } from '@carapulse/approval/testing';
import type { Role } from '@carapulse/kernel';
import type { Plan, PlanStatus } from '@carapulse/plan';
import { invoke } from '../operation.ts';
import { createHarness, NEEDS_APPROVAL } from '../testing/index.ts';
import { decideApproval } from './decide-approval.ts';
import { revokeApproval } from './revoke-approval.ts';

const QUORUM_2: Plan['policy'] = {
  ...NEEDS_APPROVAL,
  constraints: [{ kind: 'quorum', approvers: 2, distinct_groups: 0 }],
};

interface Caller {
  readonly id?: string;
  readonly roles?: Role[];
  readonly tenant_id?: string;
}

/** A plan with the approval of Bob, who takes it back when nothing else is said. */
async function setUp(status: PlanStatus = 'awaiting_approval', change: Partial<Plan> = {}) {
  const harness = createHarness();
  const plan = testPlan(change);
  await harness.storePlan(plan, status);
  const bob = testKey('user:bob', 'person');
  harness.trust(bob.trusted);
  const approvalId = await harness.approve(plan, await testStatement(plan, bob));
  const revoke = (more: object = {}, by: Caller = {}) =>
    invoke(revokeApproval, harness.as({ id: 'user:bob', ...by }), {
      plan_id: plan.plan_id,
      approval_id: approvalId,
      reason: 'second thoughts',
      ...more,
    });
  const stored = () => harness.store.read.plan('acme', plan.plan_id);
  return { harness, plan, approvalId, revoke, stored };
}

describe('revoke-approval', () => {
  it('denies a plan that has not begun, in the database and outside it, tells its run, audited', async () => {
    const { harness, plan, approvalId, revoke, stored } = await setUp('approved');
    const { execution_id } = await harness.queue(plan);
    expect(await revoke()).toMatchObject([{ approval_id: approvalId, revoked_by: 'user:bob' }]);
    expect(await stored()).toMatchObject({
      status: 'denied',
      status_reason: 'approval revoked by user:bob: second thoughts',
    });
    expect(harness.closed).toEqual([plan.plan_id]);
    expect(harness.signals).toMatchObject([
      { runId: execution_id, name: 'revoke', payload: { by: 'user:bob', reason: 'second thoughts' } },
    ]);
    expect(await harness.audit()).toMatchObject([
      {
        action: 'approval.revoke',
        actor: { id: 'user:bob' },
        subject: { kind: 'plan', id: plan.plan_id },
        outcome: { result: 'ok' },
        details: { approval_id: approvalId, reason: 'second thoughts' },
      },
    ]);
    expect(await harness.store.read.events('acme', 0, 10)).toMatchObject([
      { type: 'plan.updated', data: { status: 'denied' } },
    ]);
  });

  it.each(['executing', 'parked'] as const)(
    'stops the run of a plan that is %s and lets it undo',
    async (status) => {
      const { harness, plan, revoke, stored } = await setUp(status);
      const { execution_id } = await harness.queue(plan, { status: 'running' });
      await revoke();
      expect(harness.signals).toMatchObject([{ runId: execution_id, name: 'revoke' }]);
      expect(await stored()).toMatchObject({ status });
      expect(harness.closed).toEqual([]);
    },
  );

  it('leaves a plan waiting that waits for others, says how many it has now, and no approval in flight counts on it', async () => {
    const { harness, plan, revoke, stored } = await setUp('awaiting_approval', { policy: QUORUM_2 });
    await revoke();
    expect(await stored()).toMatchObject({
      status: 'awaiting_approval',
      status_reason: '0 of 2 approvals',
      revision: 2,
    });
    expect(harness.signals).toEqual([]);
    expect(harness.closed).toEqual([]);
    const carol = await invoke(decideApproval, harness.as({ id: 'user:carol' }), {
      plan_id: plan.plan_id,
      plan_hash: plan.plan_hash,
      verdict: 'approve',
    });
    expect(carol.count).toMatchObject({ have: 1, satisfied: false });
  });

  it('is for the approver and for admins; somebody else is refused and audited', async () => {
    const { harness, revoke, approvalId } = await setUp('approved');
    expect(await harness.refusal(() => revoke({}, { id: 'user:eve' }))).toMatchObject({
      code: 'forbidden',
      audited: ['operation.refuse'],
    });
    expect((await harness.audit()).at(-1)).toMatchObject({ actor: { id: 'user:eve' } });
    expect(await revoke({}, { id: 'user:root', roles: ['admin'] })).toMatchObject([
      { approval_id: approvalId, revoked_by: 'user:root' },
    ]);
  });

  it('refuses to revoke twice', async () => {
    const { harness, revoke } = await setUp();
    await revoke();
    expect(await harness.refusal(() => revoke())).toMatchObject({ code: 'conflict', audited: [] });
  });

  it.each(['succeeded', 'failed', 'rolled_back', 'denied', 'expired', 'cancelled'] as const)(
    'refuses once the plan has ended %s: what was approved then stays on record',
    async (status) => {
      const { harness, revoke } = await setUp(status);
      expect(await harness.refusal(() => revoke())).toMatchObject({ code: 'conflict', audited: [] });
    },
  );

  it.each<[string, object, Caller, string]>([
    ['an unknown plan', { plan_id: TEST_IDS.otherPlan }, {}, 'not_found'],
    ['an unknown approval', { approval_id: `ap_${'0'.repeat(26)}` }, {}, 'not_found'],
    ["another tenant's plan", {}, { tenant_id: 'other', roles: ['admin'] }, 'not_found'],
    ['no reason', { reason: '' }, {}, 'invalid_input'],
  ])('refuses %s', async (_, change, by, code) => {
    const { harness, revoke } = await setUp();
    expect(await harness.refusal(() => revoke(change, by))).toMatchObject({ code, audited: [] });
  });

  it('stops nothing when its commit fails', async () => {
    const { harness, plan, revoke } = await setUp('approved');
    await harness.queue(plan);
    harness.store.beforeCommit = () => {
      throw new Error('the disk is full');
    };
    expect(await harness.refusal(() => revoke())).toMatchObject({ code: 'internal', audited: [] });
  });
});

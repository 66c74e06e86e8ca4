import { describe, expect, it } from 'vitest';
import { testKey, testPlan, testStatement, TEST_IDS } from '@carapulse/approval/testing';
import { decideApproval } from '../approvals/decide-approval.ts';
import { invoke } from '../operation.ts';
import { createHarness } from '../testing/index.ts';
import { releasePlan } from './release-plan.ts';

async function setUp(status: Parameters<ReturnType<typeof createHarness>['storePlan']>[1] = 'held') {
  const harness = createHarness();
  const plan = testPlan();
  await harness.storePlan(plan, status);
  const release = (change: object = {}, tenant_id = 'acme') =>
    invoke(releasePlan, harness.as({ id: 'user:bob', tenant_id }), {
      plan_id: plan.plan_id,
      reason: 'it fires again',
      ...change,
    });
  return { harness, plan, release };
}

describe('release-plan', () => {
  it('lets a held plan wait for approval again, audited', async () => {
    const { harness, plan, release } = await setUp();
    expect(await release()).toMatchObject({
      status: 'awaiting_approval',
      status_reason: 'released by user:bob: it fires again',
    });
    expect(await harness.audit()).toMatchObject([
      {
        action: 'plan.release',
        actor: { id: 'user:bob' },
        subject: { kind: 'plan', id: plan.plan_id },
        outcome: { result: 'ok' },
        details: { reason: 'it fires again' },
      },
    ]);
    expect(await harness.store.read.events('acme', 0, 10)).toMatchObject([
      { type: 'plan.updated', data: { status: 'awaiting_approval' } },
    ]);
    expect(harness.closed).toEqual([]);
  });

  it('voids the approvals given before: the same person has to say it again', async () => {
    const { harness, plan, release } = await setUp();
    const bob = testKey('user:bob', 'person');
    harness.trust(bob.trusted);
    const approvalId = await harness.approve(plan, await testStatement(plan, bob));
    await release();
    expect(await harness.store.read.approvals(plan.plan_id)).toMatchObject([
      { approval_id: approvalId, revoked_by: 'user:bob', revoked_at: expect.any(String) },
    ]);
    expect((await harness.audit()).at(-1)?.details).toMatchObject({ voided: [approvalId] });
    const again = await invoke(decideApproval, harness.as({ id: 'user:bob' }), {
      plan_id: plan.plan_id,
      plan_hash: plan.plan_hash,
      verdict: 'approve',
    });
    expect(again).toMatchObject({ count: { have: 1, satisfied: true }, record: { status: 'approved' } });
  });

  it.each([
    ['awaiting_approval', 'forbidden_transition'],
    ['approved', 'forbidden_transition'],
    ['cancelled', 'forbidden_transition'],
    ['policy_denied', 'forbidden_transition'],
    ['expired', 'forbidden_transition'],
  ] as const)('refuses a plan that is %s with %s', async (status, code) => {
    const { harness, release } = await setUp(status);
    expect(await harness.refusal(() => release())).toMatchObject({ code, audited: [] });
  });

  it('refuses a plan that was dispatched: it runs at most once', async () => {
    const { harness, plan, release } = await setUp();
    await harness.queue(plan, { status: 'held' });
    expect(await harness.refusal(() => release())).toMatchObject({ code: 'conflict' });
  });

  it('refuses a plan whose time has come, though nobody has marked it yet', async () => {
    const { harness, plan, release } = await setUp();
    harness.nowMs = Date.parse(plan.expires_at);
    expect(await harness.refusal(() => release())).toMatchObject({ code: 'plan_expired' });
    harness.nowMs -= 1;
    expect(await release()).toMatchObject({ status: 'awaiting_approval' });
  });

  it.each([
    ['an unknown plan', { plan_id: TEST_IDS.otherPlan }, 'acme', 'not_found'],
    ["another tenant's plan", {}, 'other', 'not_found'],
    ['no reason', { reason: '' }, 'acme', 'invalid_input'],
  ] as const)('refuses %s', async (_, change, tenant, code) => {
    const { harness, release } = await setUp();
    expect(await harness.refusal(() => release(change, tenant))).toMatchObject({ code, audited: [] });
  });

  it('refuses to release twice', async () => {
    const { harness, release } = await setUp();
    await release();
    expect(await harness.refusal(() => release())).toMatchObject({ code: 'forbidden_transition' });
  });
});

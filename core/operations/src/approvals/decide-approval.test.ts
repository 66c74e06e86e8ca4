import { describe, expect, it } from 'vitest';
import { testKey, testPlan, testStatement, TEST_IDS } from '@carapulse/approval/testing';
import type { Plan } from '@carapulse/plan';
import { invoke } from '../operation.ts';
import { createHarness, NEEDS_APPROVAL } from '../testing/index.ts';
import { decideApproval } from './decide-approval.ts';
import { revokeApproval } from './revoke-approval.ts';

async function setUp(change: Partial<Plan> = {}) {
  const harness = createHarness();
  const plan = testPlan(change);
  await harness.storePlan(plan);
  const decide = (id: string, more: Readonly<Record<string, unknown>> = {}) =>
    invoke(decideApproval, harness.as({ id }), {
      plan_id: plan.plan_id,
      plan_hash: plan.plan_hash,
      verdict: 'approve',
      ...more,
    });
  const stored = async () => (await harness.store.read.plan('acme', plan.plan_id))?.status;
  return { harness, plan, decide, stored };
}

const QUORUM_2: Plan['policy'] = {
  ...NEEDS_APPROVAL,
  constraints: [{ kind: 'quorum', approvers: 2, distinct_groups: 0 }],
};

describe('decide-approval', () => {
  it('queues the execution in the transaction of the approval that completes the quorum', async () => {
    const { harness, plan, decide, stored } = await setUp();
    const before = harness.store.commits;
    const outcome = await decide('user:bob');
    expect(harness.store.commits).toBe(before + 1);
    expect(outcome.execution_id).not.toBeNull();
    expect(await harness.store.read.pendingDispatches(10)).toEqual([
      { execution_id: outcome.execution_id, plan_id: plan.plan_id },
    ]);
    expect(await stored()).toBe('approved');
  });

  it('refuses a plan of the future: the clock was set back, and approving it would outlive its expiry', async () => {
    const { harness, decide } = await setUp();
    harness.nowMs -= 3_600_000;
    await expect(decide('user:bob')).rejects.toMatchObject({ details: { reason: 'plan_not_yet_made' } });
  });

  it('leaves no approval when its commit fails', async () => {
    const { harness, plan, decide } = await setUp();
    harness.store.beforeCommit = () => {
      throw new Error('the disk is full');
    };
    await expect(decide('user:bob')).rejects.toThrow('the disk is full');
    expect(await harness.store.read.approvals(plan.plan_id)).toEqual([]);
    expect(await harness.store.read.pendingDispatches(10)).toEqual([]);
  });

  it('refuses the requester, and audits the attempt', async () => {
    const { harness, decide, stored } = await setUp();
    await expect(decide('user:requester')).rejects.toMatchObject({ code: 'approval_invalid' });
    expect(await stored()).toBe('awaiting_approval');
    expect(await harness.audit()).toMatchObject([
      { action: 'operation.refuse', actor: { id: 'user:requester' } },
    ]);
  });

  it('refuses another hash and an expired plan', async () => {
    const { harness, decide } = await setUp();
    await expect(decide('user:bob', { plan_hash: 'sha256:other' })).rejects.toMatchObject({
      code: 'plan_stale',
    });
    harness.nowMs += 1_800_000;
    await expect(decide('user:bob')).rejects.toMatchObject({ code: 'plan_expired' });
  });

  it('refuses a statement about another plan, by another person, or saying something else', async () => {
    const { harness, plan, decide, stored } = await setUp();
    const bob = testKey('user:bob', 'person');
    harness.trust(bob.trusted);
    const spoilt = [
      { plan_id: TEST_IDS.otherPlan },
      { approver: 'user:eve' },
      { verdict: 'deny' as const },
      { plan_hash: `sha256:${'1'.repeat(64)}` },
    ];
    for (const change of spoilt) {
      const statement = await testStatement(plan, bob, change);
      await expect(decide('user:bob', { statement })).rejects.toMatchObject({ code: 'approval_invalid' });
    }
    const broken = await testStatement(plan, bob, {
      break_glass: { reason: 'because I say so', incident_id: TEST_IDS.incident },
    });
    await expect(decide('user:bob', { statement: broken })).rejects.toMatchObject({
      details: { reason: 'statement_differs' },
    });
    expect(await stored()).toBe('awaiting_approval');
    const outcome = await decide('user:bob', { statement: await testStatement(plan, bob) });
    expect(outcome.count.satisfied).toBe(true);
  });

  it('counts each person once, and two at once as two', async () => {
    const { harness, decide, stored } = await setUp({ policy: QUORUM_2 });
    await decide('user:bob');
    await expect(decide('user:bob')).rejects.toMatchObject({ code: 'approval_invalid' });
    expect(await stored()).toBe('awaiting_approval');
    const results = await Promise.allSettled([decide('user:carol'), decide('user:dave')]);
    expect(results.map((each) => each.status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(await harness.store.read.pendingDispatches(10)).toHaveLength(1);
    expect(await stored()).toBe('approved');
  });

  it('lets a denial after the approval stop the plan, outside the database as well', async () => {
    const { harness, plan, decide, stored } = await setUp();
    await decide('user:bob');
    await decide('user:carol', { verdict: 'deny' });
    expect(await stored()).toBe('denied');
    expect(harness.closed).toEqual([plan.plan_id]);
    await expect(decide('user:dave')).rejects.toMatchObject({ code: 'forbidden_transition' });
  });
});

describe('revoke-approval', () => {
  const revoke = (setup: Awaited<ReturnType<typeof setUp>>, id: string, approvalId: string) =>
    invoke(revokeApproval, setup.harness.as({ id }), {
      plan_id: setup.plan.plan_id,
      approval_id: approvalId,
      reason: 'second thoughts',
    });

  it('denies a plan that has not begun, and tells its run', async () => {
    const setup = await setUp();
    const { approval_id, execution_id } = await setup.decide('user:bob');
    await revoke(setup, 'user:bob', approval_id);
    expect(await setup.stored()).toBe('denied');
    expect(setup.harness.signals).toMatchObject([{ runId: execution_id, name: 'revoke' }]);
    await expect(revoke(setup, 'user:bob', approval_id)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('is for the approver and for admins; somebody else is refused and audited', async () => {
    const setup = await setUp();
    const { approval_id } = await setup.decide('user:bob');
    await expect(revoke(setup, 'user:eve', approval_id)).rejects.toMatchObject({ code: 'forbidden' });
    expect((await setup.harness.audit()).at(-1)).toMatchObject({
      action: 'operation.refuse',
      actor: { id: 'user:eve' },
    });
    expect(await setup.stored()).toBe('approved');
  });
});

import { describe, expect, it } from 'vitest';
import { testKey, testPlan, testStatement, TEST_IDS } from '@carapulse/approval/testing';
import type { Plan, PlanStatus } from '@carapulse/plan';
import { invoke } from '../operation.ts';
import { createHarness, NEEDS_APPROVAL } from '../testing/index.ts';
import { decideApproval } from './decide-approval.ts';

async function setUp(change: Partial<Plan> = {}, status?: PlanStatus) {
  const harness = createHarness();
  const plan = testPlan(change);
  await harness.storePlan(plan, status);
  const decide = (id: string, more: Readonly<Record<string, unknown>> = {}, tenant_id = 'acme') =>
    invoke(decideApproval, harness.as({ id, tenant_id }), {
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
    expect(await harness.audit()).toMatchObject([
      {
        action: 'approval.decide',
        actor: { id: 'user:bob' },
        subject: { kind: 'plan', id: plan.plan_id },
        outcome: { result: 'ok' },
        details: {
          approval_id: outcome.approval_id,
          verdict: 'approve',
          plan_hash: plan.plan_hash,
          assurance: 'session',
          have: 1,
          needed: 1,
        },
      },
    ]);
    expect(await harness.store.read.events('acme', 0, 10)).toMatchObject([
      { type: 'plan.updated', data: { status: 'approved' } },
      { type: 'execution.updated', data: { status: 'queued' } },
    ]);
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
    const { harness, decide } = await setUp();
    expect(await harness.refusal(() => decide('user:requester'))).toEqual({
      code: 'approval_invalid',
      reason: 'self_approval',
      audited: ['operation.refuse'],
    });
    expect(await harness.audit()).toMatchObject([
      {
        actor: { id: 'user:requester' },
        subject: { kind: 'operation', id: 'decide-approval' },
        outcome: { result: 'denied', code: 'approval_invalid' },
        details: { reason: 'self_approval' },
      },
    ]);
  });

  it.each<[string, Readonly<Record<string, unknown>>, string, string]>([
    ['another hash than the plan has', { plan_hash: 'sha256:other' }, 'acme', 'plan_stale'],
    ['an unknown plan', { plan_id: TEST_IDS.otherPlan }, 'acme', 'not_found'],
    ["another tenant's plan", {}, 'other', 'not_found'],
    ['a verdict that is none', { verdict: 'perhaps' }, 'acme', 'invalid_input'],
    ['a decision without the hash that was seen', { plan_hash: undefined }, 'acme', 'invalid_input'],
  ])('refuses %s', async (_, change, tenant, code) => {
    const { harness, decide } = await setUp();
    expect(await harness.refusal(() => decide('user:bob', change, tenant))).toMatchObject({
      code,
      audited: [],
    });
  });

  it('refuses a plan from the instant on at which it expires', async () => {
    const { harness, plan, decide, stored } = await setUp();
    harness.nowMs = Date.parse(plan.expires_at);
    expect(await harness.refusal(() => decide('user:bob'))).toMatchObject({ code: 'plan_expired' });
    harness.nowMs -= 1;
    await decide('user:bob');
    expect(await stored()).toBe('approved');
  });

  it.each<[PlanStatus, 'approve' | 'deny']>([
    ['held', 'approve'],
    ['held', 'deny'],
    ['approved', 'approve'],
    ['executing', 'deny'],
    ['parked', 'approve'],
    ['policy_denied', 'approve'],
    ['denied', 'approve'],
    ['expired', 'approve'],
    ['cancelled', 'deny'],
    ['succeeded', 'approve'],
  ])('refuses for a plan that is %s to %s', async (status, verdict) => {
    const { harness, decide } = await setUp({}, status);
    expect(await harness.refusal(() => decide('user:bob', { verdict }))).toMatchObject({
      code: 'forbidden_transition',
      audited: [],
    });
  });

  it('lets the requester deny, which ends the plan at once', async () => {
    const { harness, plan, decide } = await setUp({ policy: QUORUM_2 });
    const { count, record, execution_id } = await decide('user:requester', { verdict: 'deny' });
    expect({ deniedBy: count.deniedBy, execution_id }).toEqual({
      deniedBy: 'user:requester',
      execution_id: null,
    });
    expect(record).toMatchObject({ status: 'denied', status_reason: 'denied by user:requester' });
    expect(harness.closed).toEqual([plan.plan_id]);
    expect(await harness.audit()).toMatchObject([
      { action: 'approval.decide', details: { verdict: 'deny', plan_hash: plan.plan_hash } },
    ]);
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
    expect(await harness.refusal(() => decide('user:bob'))).toEqual({
      code: 'approval_invalid',
      reason: 'approver_counted_already',
      audited: ['operation.refuse'],
    });
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

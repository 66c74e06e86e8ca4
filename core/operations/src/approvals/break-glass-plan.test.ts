import { describe, expect, it } from 'vitest';
import { testPlan, TEST_IDS } from '@carapulse/approval/testing';
import type { Actor } from '@carapulse/kernel';
import type { PlanStatus } from '@carapulse/plan';
import { invoke } from '../operation.ts';
import { createHarness, NEEDS_APPROVAL } from '../testing/index.ts';
import { breakGlassPlan } from './break-glass-plan.ts';

const REASON = 'nobody else is awake and the shop is down';

async function setUp({ incident = true, status }: { incident?: boolean; status?: PlanStatus } = {}) {
  const harness = createHarness();
  const plan = testPlan();
  await harness.storePlan(plan, status);
  if (incident) await harness.storeIncident();
  const breakIt = (input: object = {}, by: Partial<Actor> = {}) =>
    invoke(breakGlassPlan, harness.as({ id: 'user:bob', ...by }), {
      plan_id: plan.plan_id,
      incident_id: TEST_IDS.incident,
      reason: REASON,
      ...input,
    });
  return { harness, plan, breakIt };
}

describe('break-glass-plan', () => {
  it('makes a new plan, approved by the one who asks, queued, audited, and valid for at most an hour', async () => {
    const { harness, plan, breakIt } = await setUp();
    const record = await breakIt();
    expect(record.plan.plan_id).not.toBe(plan.plan_id);
    expect(record).toMatchObject({ status: 'approved', plan: { origin: { planner: 'break_glass' } } });
    expect(Date.parse(record.plan.expires_at) - harness.nowMs).toBeLessThanOrEqual(3_600_000);
    const [approval] = await harness.store.read.approvals(record.plan.plan_id);
    expect(approval?.statement.body).toMatchObject({ approver: 'user:bob', break_glass: { reason: REASON } });
    expect(Date.parse(approval?.statement.body.expires_at ?? '') - harness.nowMs).toBeLessThanOrEqual(
      3_600_000,
    );
    expect(await harness.store.read.pendingDispatches(10)).toMatchObject([{ plan_id: record.plan.plan_id }]);
    const made = { subject: { kind: 'plan', id: record.plan.plan_id }, actor: { id: 'user:bob' } };
    expect(await harness.audit()).toMatchObject([
      { ...made, action: 'plan.create', decision: { decision: 'require_approval' } },
      {
        ...made,
        action: 'approval.break_glass',
        outcome: { result: 'ok' },
        details: { reason: REASON, replaces: plan.plan_id, review: 'due' },
      },
    ]);
    expect(harness.asked[0]?.action.break_glass).toMatchObject({ reason: REASON });
  });

  it('gives up the plan that it replaces, so that only one of them can run', async () => {
    const { harness, plan, breakIt } = await setUp();
    await breakIt();
    const before = await harness.store.read.plan('acme', plan.plan_id);
    expect(before).toMatchObject({
      status: 'cancelled',
      status_reason: expect.stringContaining('break-glass'),
    });
    expect(harness.closed).toEqual([plan.plan_id]);
  });

  it('is not broken over a plan that was given up, so that asking twice runs once', async () => {
    const { harness, breakIt } = await setUp();
    const { plan } = await breakIt();
    await expect(breakIt()).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining(plan.plan_id),
    });
    expect(await harness.store.read.pendingDispatches(10)).toHaveLength(1);
  });

  it.each(['service', 'agent'] as const)('refuses a %s, audited', async (kind) => {
    const { harness, breakIt } = await setUp();
    expect(await harness.refusal(() => breakIt({}, { kind }))).toMatchObject({
      code: 'forbidden',
      audited: ['operation.refuse'],
    });
  });

  it.each<[string, object, Partial<Actor>, string]>([
    ['a reason that is no sentence', { reason: 'now' }, {}, 'invalid_input'],
    ['no incident', { incident_id: undefined }, {}, 'invalid_input'],
    ['an unknown plan', { plan_id: TEST_IDS.otherPlan }, {}, 'not_found'],
    ["another tenant's plan", {}, { tenant_id: 'other' }, 'not_found'],
    ['an unknown incident', { incident_id: `inc_${'1'.repeat(26)}` }, {}, 'not_found'],
  ])('refuses %s', async (_, input, by, code) => {
    const { harness, breakIt } = await setUp();
    expect(await harness.refusal(() => breakIt(input, by))).toMatchObject({ code, audited: [] });
  });

  it.each(['policy_denied', 'held', 'expired'] as const)(
    'goes around a plan that is %s: the new one is judged by itself',
    async (status) => {
      const { harness, plan, breakIt } = await setUp({ status });
      expect(await breakIt()).toMatchObject({ status: 'approved' });
      const before = await harness.store.read.plan('acme', plan.plan_id);
      expect(before?.status).toBe(status === 'held' ? 'cancelled' : status);
      expect(await harness.refusal(() => breakIt())).toMatchObject({ code: 'conflict', audited: [] });
    },
  );

  it.each(['denied', 'cancelled', 'stale', 'failed'] as const)(
    'refuses a plan that ended %s: it waits for nobody',
    async (status) => {
      const { harness, breakIt } = await setUp({ status });
      expect(await harness.refusal(() => breakIt())).toMatchObject({
        code: 'forbidden_transition',
        audited: [],
      });
    },
  );

  it('leaves nothing when its commit fails', async () => {
    const { harness, breakIt } = await setUp();
    harness.store.beforeCommit = () => {
      throw new Error('the disk is full');
    };
    expect(await harness.refusal(() => breakIt())).toMatchObject({ code: 'internal', audited: [] });
  });

  it('stops where policy denies even this, and keeps the denied plan in the trail', async () => {
    const { harness, breakIt } = await setUp();
    harness.decision = { ...NEEDS_APPROVAL, decision: 'deny' };
    await expect(breakIt()).rejects.toMatchObject({ code: 'policy_denied' });
    expect(await harness.store.read.pendingDispatches(10)).toEqual([]);
    expect(await harness.audit()).toMatchObject([{ action: 'plan.create', outcome: { result: 'denied' } }]);
  });

  it('is refused for a plan that was dispatched', async () => {
    const { harness, plan, breakIt } = await setUp();
    await harness.queue(plan);
    expect(await harness.refusal(() => breakIt())).toMatchObject({ code: 'conflict', audited: [] });
  });

  it('queues nothing when the plan is dispatched while policy decides, and leaves that run alone', async () => {
    const { harness, plan, breakIt } = await setUp({ status: 'executing' });
    harness.onDecide = async () => void (await harness.queue(plan, { status: 'running' }));
    await expect(breakIt()).rejects.toMatchObject({ code: 'conflict' });
    expect(harness.store.snapshot().plans.size).toBe(1);
    expect(await harness.store.read.plan('acme', plan.plan_id)).toMatchObject({ status: 'executing' });
    expect(await harness.store.read.pendingDispatches(10)).toMatchObject([{ plan_id: plan.plan_id }]);
    expect(harness.closed).toEqual([]);
  });

  it('done twice at once dispatches one plan', async () => {
    const { harness, breakIt } = await setUp();
    const results = await Promise.allSettled([breakIt(), breakIt()]);
    expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(await harness.store.read.pendingDispatches(10)).toHaveLength(1);
    expect(harness.store.snapshot().plans.size).toBe(2);
  });
});

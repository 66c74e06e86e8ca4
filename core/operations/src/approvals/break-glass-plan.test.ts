import { describe, expect, it } from 'vitest';
import { testPlan, TEST_IDS } from '@carapulse/approval/testing';
import { invoke } from '../operation.ts';
import { createHarness, NEEDS_APPROVAL } from '../testing/index.ts';
import { breakGlassPlan } from './break-glass-plan.ts';

const REASON = 'nobody else is awake and the shop is down';

async function setUp(incident = true) {
  const harness = createHarness();
  const plan = testPlan();
  await harness.storePlan(plan);
  const at = '2026-01-10T11:00:00.000Z';
  const row = {
    incident_id: TEST_IDS.incident,
    tenant_id: 'acme',
    status: 'identified' as const,
    title: 'It is down',
    severity: 'critical' as const,
    service: null,
    context: plan.context,
    group_key: 'g',
    opened_at: at,
    updated_at: at,
    resolved_at: null,
    revision: 1,
  };
  if (incident) await harness.store.transaction((tx) => tx.insertIncident(row));
  const breakIt = (kind: 'human' | 'service' | 'agent' = 'human', reason = REASON) =>
    invoke(breakGlassPlan, harness.as({ id: 'user:bob', kind }), {
      plan_id: plan.plan_id,
      incident_id: TEST_IDS.incident,
      reason,
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
    expect((await harness.audit()).at(-1)).toMatchObject({
      action: 'approval.break_glass',
      details: { reason: REASON, replaces: plan.plan_id, review: 'due' },
    });
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

  it('is broken once by two who ask at the same moment', async () => {
    const { harness, breakIt } = await setUp();
    const outcomes = await Promise.allSettled([breakIt(), breakIt()]);
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(await harness.store.read.pendingDispatches(10)).toHaveLength(1);
  });

  it.each(['service', 'agent'] as const)('refuses a %s, audited', async (kind) => {
    const { harness, breakIt } = await setUp();
    await expect(breakIt(kind)).rejects.toMatchObject({ code: 'forbidden' });
    expect(await harness.audit()).toMatchObject([{ action: 'operation.refuse' }]);
  });

  it('needs a reason and an incident', async () => {
    await expect((await setUp()).breakIt('human', 'now')).rejects.toMatchObject({ code: 'invalid_input' });
    await expect((await setUp(false)).breakIt()).rejects.toMatchObject({ code: 'not_found' });
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
    await expect(breakIt()).rejects.toMatchObject({ code: 'conflict' });
  });
});

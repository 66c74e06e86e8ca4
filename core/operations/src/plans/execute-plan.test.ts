import { describe, expect, it } from 'vitest';
import { testKey, testPlan, testStatement, TEST_IDS } from '@carapulse/approval/testing';
import type { Plan, PlanStatus } from '@carapulse/plan';
import { invoke } from '../operation.ts';
import { createHarness, NEEDS_APPROVAL } from '../testing/index.ts';
import { executePlan } from './execute-plan.ts';

const ALLOWED: Partial<Plan> = { policy: { ...NEEDS_APPROVAL, decision: 'allow' } };

async function setUp(status: PlanStatus, change: Partial<Plan> = {}) {
  const harness = createHarness();
  const plan = testPlan(change);
  await harness.storePlan(plan, status);
  const execute = (more: object = {}, tenant_id = 'acme') =>
    invoke(executePlan, harness.as({ id: 'user:bob', tenant_id }), { plan_id: plan.plan_id, ...more });
  const approve = async (id: string, verdict: 'approve' | 'deny' = 'approve') => {
    const key = testKey(id, 'person');
    harness.trust(key.trusted);
    return harness.approve(plan, await testStatement(plan, key, { verdict, nonce: `nonce of ${id} for it` }));
  };
  return { harness, plan, execute, approve };
}

describe('execute-plan', () => {
  it('queues the run of a plan that policy allows, audited', async () => {
    const { harness, plan, execute } = await setUp('approved', ALLOWED);
    const execution = await execute({ plan_hash: plan.plan_hash });
    expect(execution).toMatchObject({ plan_id: plan.plan_id, status: 'queued', epoch: 1, started_at: null });
    expect(await harness.store.read.pendingDispatches(10)).toEqual([
      { execution_id: execution.execution_id, plan_id: plan.plan_id },
    ]);
    expect(await harness.audit()).toMatchObject([
      {
        action: 'plan.execute',
        actor: { id: 'user:bob' },
        subject: { kind: 'plan', id: plan.plan_id },
        outcome: { result: 'ok' },
        details: { plan_hash: plan.plan_hash },
      },
    ]);
    expect(await harness.store.read.events('acme', 0, 10)).toMatchObject([
      { type: 'execution.updated', subject_id: execution.execution_id, data: { status: 'queued' } },
    ]);
  });

  it('approves a waiting plan whose approvals count by now, and queues it', async () => {
    const { harness, plan, execute, approve } = await setUp('awaiting_approval');
    await approve('user:carol');
    await execute();
    expect(await harness.store.read.plan('acme', plan.plan_id)).toMatchObject({
      status: 'approved',
      status_reason: 'started by user:bob',
    });
    expect(await harness.store.read.pendingDispatches(10)).toHaveLength(1);
  });

  it.each(['approved', 'executing', 'held', 'succeeded'] as const)(
    'answers with the one execution of a plan that was dispatched and is %s',
    async (status) => {
      const { harness, plan, execute } = await setUp(status);
      const { execution_id } = await harness.queue(plan);
      harness.nowMs = Date.parse(plan.expires_at);
      expect(await execute()).toMatchObject({ execution_id });
      expect(await execute()).toMatchObject({ execution_id });
      expect(await harness.store.read.pendingDispatches(10)).toHaveLength(1);
      expect((await harness.audit()).map(({ action }) => action)).toEqual(['plan.execute', 'plan.execute']);
    },
  );

  it('asked for twice at once dispatches once', async () => {
    const { harness, execute } = await setUp('approved', ALLOWED);
    const [first, second] = await Promise.all([execute(), execute()]);
    expect(second.execution_id).toBe(first.execution_id);
    expect(await harness.store.read.pendingDispatches(10)).toHaveLength(1);
  });

  it.each([
    ['policy_denied', 'policy_denied'],
    ['held', 'forbidden_transition'],
    ['denied', 'forbidden_transition'],
    ['expired', 'forbidden_transition'],
    ['cancelled', 'forbidden_transition'],
    ['stale', 'forbidden_transition'],
  ] as const)('refuses a plan that is %s with %s', async (status, code) => {
    const { harness, execute } = await setUp(status, ALLOWED);
    expect(await harness.refusal(() => execute())).toMatchObject({ code, audited: [] });
  });

  it('refuses a plan without its approvals: none, revoked, denied, or by a key that is trusted no more', async () => {
    const { harness, execute, approve } = await setUp('awaiting_approval');
    const refused = { code: 'approval_required', audited: [] };
    expect(await harness.refusal(() => execute())).toMatchObject(refused);
    const approvalId = await approve('user:carol');
    await harness.store.transaction((tx) =>
      tx.revokeApproval(approvalId, 'user:carol', '2026-01-10T12:00:00Z'),
    );
    expect(await harness.refusal(() => execute())).toMatchObject(refused);
    await approve('user:dave');
    const { trusted } = testKey('user:dave', 'person');
    harness.trust({ ...trusted, revoked_at: '2026-01-10T11:00:00.000Z' });
    expect(await harness.refusal(() => execute())).toMatchObject(refused);
    await approve('user:erin');
    await approve('user:frank', 'deny');
    expect(await harness.refusal(() => execute())).toMatchObject(refused);
  });

  it('refuses a plan from the instant on at which it expires', async () => {
    const { harness, plan, execute } = await setUp('approved', ALLOWED);
    harness.nowMs = Date.parse(plan.expires_at);
    expect(await harness.refusal(() => execute())).toMatchObject({ code: 'plan_expired' });
    harness.nowMs -= 1;
    expect(await execute()).toMatchObject({ status: 'queued' });
  });

  it.each([
    ['another hash than the plan has', { plan_hash: 'sha256:other' }, 'acme', 'plan_stale'],
    ['an unknown plan', { plan_id: TEST_IDS.otherPlan }, 'acme', 'not_found'],
    ["another tenant's plan", {}, 'other', 'not_found'],
    ['no id of a plan', { plan_id: 'pl_1' }, 'acme', 'invalid_input'],
  ] as const)('refuses %s', async (_, change, tenant, code) => {
    const { harness, execute } = await setUp('approved', ALLOWED);
    expect(await harness.refusal(() => execute(change, tenant))).toMatchObject({ code, audited: [] });
  });
});

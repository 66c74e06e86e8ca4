import { describe, expect, it } from 'vitest';
import { Receipt, verifyReceipt } from '@carapulse/approval';
import { testKey, testPlan, testStatement } from '@carapulse/approval/testing';
import type { ExecutionStatus, PlanStatus } from '@carapulse/plan';
import { createHarness, steeredRun, TOLD } from '../testing/index.ts';
import { finishRun } from './finish-run.ts';
import { issueReceipt, receiptKey } from './issue-receipt.ts';

const ABORT = new AbortController().signal;

async function setUp(plan: PlanStatus, execution: ExecutionStatus) {
  const harness = createHarness();
  const frozen = testPlan();
  await harness.storePlan(frozen, plan);
  const begun = execution === 'queued' ? null : new Date(harness.nowMs).toISOString();
  const { execution_id } = await harness.queue(frozen, {
    status: execution,
    started_at: begun,
    first_write_at: begun,
  });
  const state = async () => ({
    plan: (await harness.store.read.plan('acme', frozen.plan_id))?.status,
    execution: (await harness.store.read.execution('acme', execution_id))?.status,
  });
  return { harness, plan: frozen, id: execution_id, state };
}

describe('finish-run', () => {
  it.each([
    ['approved', 'queued', 'failed', 'lease_held', 'stale'],
    ['approved', 'queued', 'failed', 'rate_limited', 'stale'],
    ['approved', 'queued', 'failed', 'plan_expired', 'expired'],
    ['approved', 'queued', 'failed', 'policy_denied', 'stale'],
    ['approved', 'queued', 'cancelled', null, 'cancelled'],
    ['denied', 'queued', 'failed', 'forbidden_transition', 'denied'],
    ['held', 'queued', 'failed', 'forbidden_transition', 'held'],
    ['executing', 'running', 'succeeded', null, 'succeeded'],
    ['executing', 'running', 'held', null, 'held'],
    ['executing', 'running', 'failed', 'plan_expired', 'expired'],
    ['executing', 'running', 'failed', 'step_failed', 'failed'],
    ['executing', 'rolling_back', 'rolled_back', 'verification_failed', 'rolled_back'],
    ['parked', 'parked', 'failed', 'policy_denied', 'failed'],
    ['parked', 'parked', 'failed', 'plan_expired', 'failed'],
    ['parked', 'parked', 'rolled_back', null, 'rolled_back'],
  ] as const)('%s plan, %s run that ends %s (%s) leaves the plan %s', async (plan, run, status, code, to) => {
    const { harness, id, state } = await setUp(plan, run);
    await finishRun(harness.services, id, { status, reason: 'why', code }, ABORT);
    expect(await state()).toEqual({ plan: to, execution: status });
  });

  it('gives the leases back, but not those of a parked run', async () => {
    for (const status of ['succeeded', 'parked'] as const) {
      const { harness, id } = await setUp('executing', 'running');
      await harness.store.transaction((tx) =>
        tx.acquireLeases(['t'], id, 1, '2026-01-01T00:00:00.000Z', '2027-01-01T00:00:00.000Z'),
      );
      await finishRun(harness.services, id, { status, reason: 'why', code: null }, ABORT);
      expect(await harness.store.read.leases()).toHaveLength(status === 'parked' ? 1 : 0);
      expect(harness.objects.has(receiptKey(id))).toBe(status !== 'parked');
    }
  });

  it('repeated after a crash at any of its commits it leaves one end and one receipt', async () => {
    for (const crashAt of [1, 2]) {
      for (const lever of ['beforeCommit', 'afterCommit'] as const) {
        const { harness, id, state } = await setUp('executing', 'running');
        const already = harness.store.commits;
        harness.store[lever] = (number) => {
          if (number === already + crashAt) throw new Error('killed');
        };
        const end = { status: 'succeeded', reason: 'done', code: null } as const;
        await expect(finishRun(harness.services, id, end, ABORT)).rejects.toThrow('killed');
        harness.store[lever] = () => {};
        harness.nowMs += 60_000;
        await finishRun(harness.services, id, end, ABORT);
        expect(await state()).toEqual({ plan: 'succeeded', execution: 'succeeded' });
        expect((await harness.audit()).filter((each) => each.action === 'execution.end')).toHaveLength(1);
        expect(await harness.store.read.evidence({ executionId: id })).toMatchObject([{ kind: 'receipt' }]);
      }
    }
  });
});

describe('issue-receipt', () => {
  it('writes the same bytes again, and they verify without the installation until one is changed', async () => {
    const { harness, plan, id } = await setUp('executing', 'running');
    const bob = testKey('user:bob', 'person');
    harness.trust(bob.trusted);
    await harness.approve(plan, await testStatement(plan, bob));
    await finishRun(harness.services, id, { status: 'succeeded', reason: 'done', code: null }, ABORT);
    const bytes = harness.objects.get(receiptKey(id));
    harness.nowMs += 3_600_000;
    await issueReceipt(harness.services, id, ABORT);
    expect(harness.objects.get(receiptKey(id))).toEqual(bytes);
    const receipt = Receipt.parse(JSON.parse(new TextDecoder().decode(bytes)));
    expect(verifyReceipt(receipt, harness.services.trust)).toMatchObject({ valid: true });
    const forged = { ...receipt, body: { ...receipt.body, issued_at: '2026-01-10T13:00:00.000Z' } };
    expect(verifyReceipt(forged, harness.services.trust).valid).toBe(false);
  });
});

describe('a run that a person steered to its end', () => {
  const skipped = [
    { step_id: 'write', check_ids: [], by: 'user:bob', reason: 'by phone', at_ms: 0 },
    { step_id: null, check_ids: ['up'], by: 'user:bob', reason: 'by phone', at_ms: 0 },
  ];
  const { signal } = new AbortController();

  it.each(['running', 'taken_over'] as const)(
    'from %s ends as succeeded with skips, and so does its plan; what was skipped is kept and audited',
    async (status) => {
      const { harness, id, plan } = await steeredRun(status, TOLD);
      const end = { status: 'succeeded_with_skips' as const, reason: 'but for write', code: null, skipped };
      await finishRun(harness.services, id, end, signal);
      await finishRun(harness.services, id, end, signal);
      expect(await harness.store.read.execution('acme', id)).toMatchObject({
        status: 'succeeded_with_skips',
        steering: { skipped },
      });
      expect((await harness.store.read.plan('acme', plan.plan_id))?.status).toBe('succeeded_with_skips');
      expect(await harness.store.read.steps(id)).toMatchObject([{ step_id: 'write', status: 'skipped' }]);
      expect(await harness.audit()).toMatchObject([
        { action: 'execution.end', details: { status: 'succeeded_with_skips', skipped } },
      ]);
    },
  );
});

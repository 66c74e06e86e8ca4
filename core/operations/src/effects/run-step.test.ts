import { describe, expect, it } from 'vitest';
import { testKey, testPlan, testStatement } from '@carapulse/approval/testing';
import type { Envelope } from '@carapulse/approval';
import { AppError } from '@carapulse/kernel';
import type { Plan } from '@carapulse/plan';
import type { ToolRouter } from '@carapulse/tools';
import type { StepInput } from '@carapulse/workflows';
import { createHarness, NEEDS_APPROVAL } from '../testing/index.ts';
import { beginRun } from './begin-run.ts';
import { runStep } from './run-step.ts';

const ABORT = new AbortController().signal;

async function approved(change: Partial<Plan> = {}) {
  const harness = createHarness();
  const bob = testKey('user:bob', 'person');
  harness.trust(bob.trusted);
  const plan = testPlan(change);
  await harness.storePlan(plan, 'approved');
  const approvalId = await harness.approve(plan, await testStatement(plan, bob));
  const { execution_id: id } = await harness.queue(plan);
  const execution = async () => harness.store.read.execution('acme', id);
  const begin = () => beginRun(harness.services, id, ABORT);
  const step = (more: Partial<StepInput> = {}, signal = ABORT) =>
    runStep(
      harness.services,
      { execution_id: id, step_id: 'write', direction: 'forward', attempt: 1, outputs: {}, ...more },
      signal,
    );
  const revoke = () =>
    harness.store.transaction((tx) =>
      tx.revokeApproval(approvalId, 'user:bob', new Date(harness.nowMs).toISOString()),
    );
  return { harness, plan, id, bob, execution, begin, step, revoke };
}

describe('begin-run', () => {
  it('takes the leases and marks both as running; repeated it changes nothing', async () => {
    const { harness, plan, id, execution, begin } = await approved();
    await begin();
    const commits = harness.store.commits;
    await begin();
    expect(harness.store.commits).toBe(commits);
    expect(await execution()).toMatchObject({ status: 'running', epoch: 1 });
    expect(await harness.store.read.plan('acme', plan.plan_id)).toMatchObject({ status: 'executing' });
    expect(await harness.store.read.leases()).toMatchObject([{ target: 'note:word', holder: id }]);
  });

  it.each(['beforeCommit', 'afterCommit'] as const)(
    'killed %s it begins once when repeated',
    async (lever) => {
      const { harness, begin, execution } = await approved();
      harness.store[lever] = () => {
        throw new Error('killed');
      };
      await expect(begin()).rejects.toThrow('killed');
      harness.store[lever] = () => {};
      await begin();
      expect(await execution()).toMatchObject({ status: 'running' });
      expect((await harness.audit()).filter((each) => each.action === 'execution.start')).toHaveLength(1);
    },
  );

  it('refuses by name what has changed since the approval', async () => {
    const revoked = await approved();
    await revoked.revoke();
    await expect(revoked.begin()).rejects.toMatchObject({ code: 'approval_required' });

    const left = await approved();
    left.harness.trust({ ...left.bob.trusted, revoked_at: '2026-01-10T11:00:00.000Z' });
    await expect(left.begin()).rejects.toMatchObject({ code: 'approval_required' });

    const stricter = await approved();
    stricter.harness.decision = {
      ...NEEDS_APPROVAL,
      constraints: [{ kind: 'quorum', approvers: 2, distinct_groups: 0 }],
    };
    await expect(stricter.begin()).rejects.toMatchObject({
      code: 'policy_denied',
      details: { reason: 'policy_stricter' },
    });

    const late = await approved();
    late.harness.nowMs += 1_800_000;
    await expect(late.begin()).rejects.toMatchObject({ code: 'plan_expired' });

    const held = await approved();
    await held.harness.store.transaction((tx) =>
      tx.acquireLeases(['note:word'], 'ex_other', 1, '2026-01-10T12:00:00.000Z', '2026-01-10T12:05:00.000Z'),
    );
    await expect(held.begin()).rejects.toMatchObject({ code: 'lease_held' });
    expect(await held.execution()).toMatchObject({ status: 'queued' });
  });
});

describe('run-step', () => {
  it('writes under an envelope with the approvals, and leaves row, evidence and audit', async () => {
    const { harness, id, begin, step, execution } = await approved();
    await begin();
    expect(await step()).toMatchObject({ evidence_id: 'ev_test', effect_at_ms: harness.nowMs });
    expect(harness.calls[0]?.envelope?.body).toMatchObject({ step_id: 'write', epoch: 1, approvals: [{}] });
    expect((await execution())?.first_write_at).not.toBeNull();
    expect(await harness.store.read.steps(id)).toMatchObject([
      { status: 'succeeded', evidence_id: 'ev_test' },
    ]);
    expect((await harness.audit()).at(-1)).toMatchObject({ action: 'step.end', outcome: { result: 'ok' } });
  });

  it('signs anew for a router that is asked again later, with the run and the approvals as they stand then', async () => {
    const { harness, id, begin, execution, revoke } = await approved();
    await begin();
    const asked = async (between: () => Promise<unknown>) => {
      const { promise, resolve } = Promise.withResolvers<Envelope | undefined>();
      const execute: ToolRouter['execute'] = async (_, { renewEnvelope }) => {
        await between();
        resolve(await renewEnvelope?.());
        return { output: {}, repeated: false, evidenceId: 'ev_test', durationMs: 1 };
      };
      const services = { ...harness.services, router: { execute } };
      const order = { execution_id: id, step_id: 'write', attempt: 1, outputs: {} };
      await runStep(services, { ...order, direction: 'forward' }, ABORT);
      return (await promise)?.body;
    };
    const later = await asked(async () => void (harness.nowMs += 61_000));
    expect(later).toMatchObject({
      step_id: 'write',
      idempotency_key: `${id}/write/1`,
      first_write_at: (await execution())?.first_write_at,
      issued_at: new Date(harness.nowMs).toISOString(),
      approvals: [{}],
    });
    expect(await asked(revoke)).toMatchObject({ approvals: [] });
  });

  it('waits for another attempt that is still at work on the write, and asks under a new envelope', async () => {
    const { harness, id, begin, step } = await approved();
    await begin();
    harness.answer = () => {
      if (harness.calls.length > 2) return {};
      harness.nowMs += 61_000;
      throw new AppError('idempotency_in_progress', 'another process carries it out', { retryable: true });
    };
    await step();
    expect(harness.calls.map(({ idempotencyKey }) => idempotencyKey)).toEqual(
      Array.from({ length: 3 }, () => `${id}/write/1`),
    );
    const bodies = harness.calls.map(({ envelope }) => envelope?.body);
    expect(new Set(bodies.map((body) => body?.issued_at)).size).toBe(3);
    expect(bodies.map((body) => body?.first_write_at === null)).toEqual([true, false, false]);
    expect(await harness.store.read.steps(id)).toMatchObject([{ status: 'succeeded', attempts: 1 }]);
  });

  it.each([
    ['refuses then', new AppError('policy_denied', 'no longer')],
    ['fails then, in a way that may pass', new AppError('unavailable', 'away', { retryable: true })],
  ])('says unknown when a router %s, for another attempt was at work on the write', async (_, failure) => {
    const { harness, id, begin, step } = await approved();
    await begin();
    harness.answer = () => {
      if (harness.calls.length > 1) throw failure;
      throw new AppError('idempotency_in_progress', 'another process carries it out', { retryable: true });
    };
    await expect(step()).rejects.toMatchObject({ code: 'outcome_unknown', cause: failure });
    expect(await harness.store.read.steps(id)).toMatchObject([{ status: 'outcome_unknown' }]);
  });

  it('says unknown when it is given up while another attempt is at work on the write', async () => {
    const { harness, begin, step } = await approved();
    await begin();
    const stop = new AbortController();
    harness.answer = () => {
      stop.abort();
      throw new AppError('idempotency_in_progress', 'another process carries it out', { retryable: true });
    };
    await expect(step({}, stop.signal)).rejects.toMatchObject({ code: 'outcome_unknown' });
    expect(harness.calls).toHaveLength(1);
  });

  it('signs nothing more for a run that has ended meanwhile', async () => {
    const { harness, id, begin } = await approved();
    await begin();
    const execute: ToolRouter['execute'] = async (_, { renewEnvelope }) => {
      const run = await harness.store.read.execution('acme', id);
      const ended_at = new Date(harness.nowMs).toISOString();
      await harness.store.transaction((tx) =>
        tx.updateExecution(id, run?.revision ?? 0, { status: 'failed', ended_at }),
      );
      await renewEnvelope?.();
      throw new Error('an envelope was signed');
    };
    const order = { execution_id: id, step_id: 'write', attempt: 1, outputs: {} };
    const failed = runStep(
      { ...harness.services, router: { execute } },
      { ...order, direction: 'forward' },
      ABORT,
    );
    await expect(failed).rejects.toMatchObject({ code: 'forbidden_transition' });
  });

  it('does not write once the approval is taken back, but still undoes what was written', async () => {
    const { harness, begin, step, revoke } = await approved();
    await begin();
    await step();
    harness.nowMs += 1000;
    await revoke();
    await expect(step({ attempt: 2 })).rejects.toMatchObject({ code: 'approval_required' });
    expect(harness.calls).toHaveLength(1);
    await step({ direction: 'rollback' });
    expect(harness.calls[1]).toMatchObject({ input: { word: 'before' } });
    expect(harness.calls[1]?.envelope?.body.approvals).toHaveLength(1);
  });

  it('undoes what was written though the approval was taken back after the clock had been set back', async () => {
    const { harness, begin, step, revoke } = await approved();
    await begin();
    await step();
    harness.nowMs -= 7_200_000;
    await revoke();
    await step({ direction: 'rollback' });
    expect(harness.calls[1]?.envelope?.body.approvals).toHaveLength(1);
  });

  it('says unknown in the audit when the outcome is unknown', async () => {
    const { harness, id, begin, step } = await approved();
    await begin();
    harness.answer = () => {
      throw new AppError('outcome_unknown', 'the connection broke');
    };
    await expect(step()).rejects.toMatchObject({ code: 'outcome_unknown' });
    expect(await harness.store.read.steps(id)).toMatchObject([{ status: 'outcome_unknown' }]);
    expect((await harness.audit()).at(-1)).toMatchObject({
      action: 'step.end',
      outcome: { result: 'unknown' },
    });
  });

  it('killed before or after any of its commits it is repeated under the same key and ends with the right rows', async () => {
    const keys = new Set<string>();
    for (const lever of ['beforeCommit', 'afterCommit'] as const) {
      for (let crashAt = 1; crashAt <= 4; crashAt += 1) {
        const { harness, id, begin, step } = await approved();
        await begin();
        const already = harness.store.commits;
        // A killed process commits nothing more, whatever its code would still do.
        harness.store[lever] = (number) => {
          if (number >= already + crashAt) throw new AppError('unavailable', 'killed');
        };
        await step().catch(() => null);
        harness.store[lever] = () => {};
        await step();
        for (const call of harness.calls) keys.add(call.idempotencyKey.replace(id, 'run'));
        expect(await harness.store.read.steps(id)).toMatchObject([{ status: 'succeeded', attempts: 1 }]);
      }
    }
    expect([...keys]).toEqual(['run/write/1']);
  });

  it('marks the first write once, when two branches begin to write together', async () => {
    const { harness, id, begin, step, execution } = await approved();
    await begin();
    const transaction = harness.store.transaction.bind(harness.store);
    let raced = false;
    // Another branch commits its own first write between our read of the row and our update of it.
    harness.store.transaction = (work) =>
      transaction((tx) =>
        work({
          ...tx,
          updateExecution: async (...args) => {
            if (raced) return tx.updateExecution(...args);
            raced = true;
            await tx.updateExecution(id, args[1], { first_write_at: '2026-01-10T12:00:00.500Z' });
            throw new AppError('conflict', 'The row has changed.', { retryable: true });
          },
        }),
      );
    await step();
    expect(raced).toBe(true);
    expect((await execution())?.first_write_at).not.toBeNull();
    expect(harness.calls).toHaveLength(1);
  });

  it('leaves the step as running when the process stops in the middle: it is repeated, not failed', async () => {
    const { harness, id, begin, step } = await approved();
    await begin();
    const stop = new AbortController();
    harness.answer = () => {
      stop.abort();
      throw new AppError('cancelled', 'stopping');
    };
    await expect(step({}, stop.signal)).rejects.toMatchObject({ code: 'cancelled' });
    expect(await harness.store.read.steps(id)).toMatchObject([{ step_id: 'write' }]);
    harness.answer = () => ({});
    await step();
    expect(await harness.store.read.steps(id)).toMatchObject([{ status: 'succeeded' }]);
  });

  it('tells the run that the outcome is unknown also when nothing can be written down', async () => {
    for (const answer of [
      () => ({}),
      () => {
        throw new AppError('outcome_unknown', 'the connection broke');
      },
    ]) {
      const { harness, begin, step } = await approved();
      await begin();
      harness.answer = () => {
        harness.store.beforeCommit = () => {
          throw new AppError('internal', 'the disk is full');
        };
        return answer();
      };
      await expect(step()).rejects.toMatchObject({ code: 'outcome_unknown' });
      expect(harness.logged.join()).toContain('the disk is full');
    }
  });
});

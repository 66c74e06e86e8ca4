import { describe, expect, it } from 'vitest';
import { testPlan, TEST_IDS } from '@carapulse/approval/testing';
import type { Plan } from '@carapulse/plan';
import { createHarness } from '../testing/index.ts';
import { dispatchExecutions } from './dispatch-executions.ts';
import { expirePlans } from './expire-plans.ts';
import { createLeaseRenewal } from './renew-leases.ts';
import { resumeHalted } from './resume-halted.ts';
import { startWorkers } from './start-workers.ts';

const ABORT = new AbortController().signal;

describe('dispatch', () => {
  it('starts a run once, also when it was killed between the start and the row', async () => {
    const harness = createHarness();
    const plan = testPlan();
    await harness.storePlan(plan, 'approved');
    const { execution_id } = await harness.queue(plan);
    harness.store.beforeCommit = () => {
      throw new Error('killed');
    };
    expect(await dispatchExecutions(harness.services, ABORT)).toBe(0);
    harness.store.beforeCommit = () => {};
    expect(await dispatchExecutions(harness.services, ABORT)).toBe(1);
    expect(await dispatchExecutions(harness.services, ABORT)).toBe(0);
    expect(harness.started).toEqual([execution_id]);
  });

  it('goes on to the next when one cannot be started, and tries that one again', async () => {
    const harness = createHarness();
    const plans = [testPlan(), testPlan({ plan_id: TEST_IDS.otherPlan })];
    const ids: string[] = [];
    for (const plan of plans) {
      await harness.storePlan(plan, 'approved');
      ids.push((await harness.queue(plan)).execution_id);
    }
    harness.onStart = (runId) => {
      if (runId === ids[0]) throw new Error('the engine is busy');
    };
    expect(await dispatchExecutions(harness.services, ABORT)).toBe(1);
    harness.onStart = () => {};
    expect(await dispatchExecutions(harness.services, ABORT)).toBe(1);
    expect(harness.started).toEqual([ids[1], ids[0]]);
  });

  it('fails the execution of a plan that no longer parses, once, where people see it; the next one runs', async () => {
    const harness = createHarness();
    const damaged = { ...testPlan(), steps: 'none' } as unknown as Plan;
    await harness.storePlan(damaged, 'approved');
    const { execution_id } = await harness.queue(damaged);
    const sound = testPlan({ plan_id: TEST_IDS.otherPlan });
    await harness.storePlan(sound, 'approved');
    const next = await harness.queue(sound);
    expect(await dispatchExecutions(harness.services, ABORT)).toBe(1);
    expect(harness.started).toEqual([next.execution_id]);
    const { read } = harness.store;
    const reason = expect.stringContaining('/steps');
    expect(await read.execution('acme', execution_id)).toMatchObject({
      status: 'failed',
      status_reason: reason,
      ended_at: expect.any(String),
    });
    expect(await read.plan('acme', damaged.plan_id)).toMatchObject({
      status: 'stale',
      status_reason: reason,
    });
    expect(harness.closed).toEqual([damaged.plan_id]);
    expect(await harness.audit()).toMatchObject([
      { action: 'execution.end', subject: { id: execution_id }, outcome: { result: 'failed' } },
    ]);
    expect(await read.pendingDispatches(10)).toEqual([]);
  });

  it('leaves a run that has begun alone, though its plan no longer parses', async () => {
    const harness = createHarness();
    const damaged = { ...testPlan(), steps: 'none' } as unknown as Plan;
    await harness.storePlan(damaged, 'approved');
    const { execution_id } = await harness.queue(damaged);
    const engine = { ...harness.services.engine, status: async () => ({ kind: 'running' }) as const };
    expect(await dispatchExecutions({ ...harness.services, engine }, ABORT)).toBe(0);
    expect(await harness.store.read.execution('acme', execution_id)).toMatchObject({ status: 'queued' });
    expect(await harness.store.read.pendingDispatches(10)).toEqual([]);
  });
});

describe('expiry', () => {
  it('expires what waits, once, audited; a plan that changes meanwhile does not hold up the others', async () => {
    const harness = createHarness();
    const [first, second] = [testPlan(), testPlan({ plan_id: TEST_IDS.otherPlan })];
    const third = testPlan({ plan_id: `pl_${'2'.repeat(26)}` });
    await harness.storePlan(first);
    await harness.storePlan(third);
    await harness.storePlan(second);
    harness.nowMs += 1_800_000;
    const already = harness.store.commits;
    let failed = false;
    harness.store.beforeCommit = (number) => {
      if (number !== already + 1 || failed) return;
      failed = true;
      throw new Error('it changed meanwhile');
    };
    expect(await expirePlans(harness.services, ABORT)).toBe(2);
    expect(await harness.store.read.plan('acme', second.plan_id)).toMatchObject({ status: 'expired' });
    expect(await expirePlans(harness.services, ABORT)).toBe(1);
    expect(await expirePlans(harness.services, ABORT)).toBe(0);
    expect((await harness.audit()).map((each) => each.action)).toEqual([
      'plan.expire',
      'plan.expire',
      'plan.expire',
    ]);
  });
});

describe('halts', () => {
  it('tells a run that waits to go on once its halt has ended, twice as once', async () => {
    const harness = createHarness();
    const plan = testPlan();
    await harness.storePlan(plan, 'executing');
    const { execution_id } = await harness.queue(plan, {
      status: 'running',
      status_reason: 'halted: maintenance',
    });
    await harness.services.halt.halt('production', 'maintenance', 'user:a', '2026-01-10T12:00:00.000Z');
    expect(await resumeHalted(harness.services, ABORT)).toBe(0);
    await harness.services.halt.resume('production');
    await resumeHalted(harness.services, ABORT);
    await resumeHalted(harness.services, ABORT);
    expect(harness.signals).toMatchObject([{ runId: execution_id, name: 'resume' }]);
  });
});

describe('leases', () => {
  it('of a run that waits for a person outlive their time, and are renewed no more once it has ended', async () => {
    const harness = createHarness();
    const plan = testPlan();
    await harness.storePlan(plan, 'approved');
    const execution = await harness.queue(plan);
    const { leaseMs } = harness.services.settings;
    const at = (ms: number): string => new Date(ms).toISOString();
    await harness.store.transaction((tx) =>
      tx.acquireLeases(['git:x'], execution.execution_id, 1, at(harness.nowMs), at(harness.nowMs + leaseMs)),
    );
    const renew = createLeaseRenewal(harness.services);
    const expiry = async (): Promise<number> =>
      Date.parse((await harness.store.read.leases())[0]?.expires_at ?? '');
    expect(await renew(ABORT)).toBe(1);
    expect(await renew(ABORT)).toBe(0);
    harness.nowMs += leaseMs;
    expect(await renew(ABORT)).toBe(1);
    expect(await expiry()).toBe(harness.nowMs + leaseMs);
    await harness.store.transaction((tx) =>
      tx.updateExecution(execution.execution_id, execution.revision, {
        status: 'cancelled',
        ended_at: at(harness.nowMs),
      }),
    );
    harness.nowMs += leaseMs;
    expect(await renew(ABORT)).toBe(0);
  });
});

describe('the loops', () => {
  it('find work without being woken, and end when they are stopped', async () => {
    const harness = createHarness();
    const started = Promise.withResolvers<string>();
    harness.onStart = (runId) => started.resolve(runId);
    const polls: Array<() => void> = [];
    const services = {
      ...harness.services,
      store: { ...harness.store, read: harness.store.read, onEvents: () => () => {} },
      sleep: (_ms: number, signal: AbortSignal) =>
        new Promise<void>((resolve) => {
          if (signal.aborted) return resolve();
          polls.push(resolve);
          signal.addEventListener('abort', () => resolve(), { once: true });
        }),
    };
    const workers = startWorkers(services);
    const plan = testPlan();
    await harness.storePlan(plan, 'approved');
    const { execution_id } = await harness.queue(plan);
    const tick = setInterval(() => polls.splice(0).forEach((poll) => poll()), 1);
    expect(await started.promise).toBe(execution_id);
    clearInterval(tick);
    await workers.stop();
    const passes = harness.store.commits;
    await harness.storePlan(testPlan({ plan_id: TEST_IDS.otherPlan }), 'approved');
    expect(harness.store.commits).toBe(passes + 1);
  });
});

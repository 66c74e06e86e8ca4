import { describe, expect, it } from 'vitest';
import { AppError } from '@carapulse/kernel';
import { PREVIEW } from '@carapulse/planning/testing';
import { invoke } from '../operation.ts';
import { deleteSchedule } from '../schedules/delete-schedule.ts';
import { pauseSchedule } from '../schedules/pause-schedule.ts';
import { replaceSchedule } from '../schedules/replace-schedule.ts';
import { createScheduleTrial, NEEDS_APPROVAL, type ScheduleTrial } from '../testing/index.ts';
import { carryOutFiring } from './carry-out-firing.ts';

const READABLE = { ...PREVIEW, base_revision: 'r0', expected_commit: 'r1' };

async function planOf({ harness, firings }: ScheduleTrial) {
  const [last] = await firings();
  const record = await harness.store.read.plan('acme', last?.plan_id ?? '');
  if (record === null) throw new Error(`There is no plan: ${JSON.stringify(last)}`);
  return record;
}

async function endPlan(trial: ScheduleTrial): Promise<void> {
  const { plan, revision } = await planOf(trial);
  const change = { status: 'expired', status_reason: 'x', updated_at: plan.created_at } as const;
  await trial.harness.store.transaction((tx) => tx.updatePlan(plan.plan_id, revision, change));
}

describe('the plan of a firing', () => {
  it('is asked for by the scheduler, names its schedule, time and authors, and waits for approval', async () => {
    const trial = createScheduleTrial();
    await trial.create();
    await trial.pass();
    const { plan, status } = await planOf(trial);
    expect(status).toBe('awaiting_approval');
    expect(plan).toMatchObject({
      created_by: 'service:scheduler',
      authors: ['user:alice'],
      trigger: { kind: 'schedule', ref: 'nightly@2026-01-10T12:01:00.000Z' },
      origin: { planner: 'workflow', name: 'revert-commit' },
    });
    expect(plan.origin.because[0]).toBe('schedule nightly of user:alice: the trial');
    expect(trial.harness.asked).toMatchObject([{ actor: { id: 'service:scheduler' } }]);
    expect(await trial.audited('plan.create')).toMatchObject([
      { by: 'service:scheduler', trigger: plan.trigger, authors: ['user:alice'] },
    ]);
  });

  it('is queued where policy asks for no approval, like that of an alert, and denied where policy denies', async () => {
    const trial = createScheduleTrial();
    await trial.create();
    trial.harness.decision = { ...NEEDS_APPROVAL, decision: 'allow' };
    await trial.pass();
    expect(await trial.harness.store.read.pendingDispatches(10)).toHaveLength(1);
    trial.harness.decision = { ...NEEDS_APPROVAL, decision: 'deny' };
    await trial.pass();
    expect((await trial.firings())[0]).toMatchObject({ status: 'planned', plan_status: 'policy_denied' });
  });
});

describe('a crash', () => {
  it('between the claim and the plan leaves it waiting; another process makes the plan under the same id', async () => {
    const { harness, create, look, firings } = createScheduleTrial();
    await create();
    harness.nowMs += 60_000;
    const dying = new Promise<never>(() => {});
    let reached = (): void => {};
    const reading = new Promise<void>((resolve) => (reached = resolve));
    harness.answer = () => {
      reached();
      return dying;
    };
    void look({ services: { ...harness.services, epoch: 7 } });
    await reading;
    const [claimed] = await firings();
    expect(claimed).toMatchObject({ status: 'waiting', plan_id: expect.stringMatching(/^pl_/) });
    harness.answer = () => READABLE;
    // Rows are copied, but who is alive is one set.
    const { living } = harness.store.snapshot();
    living.add(7);
    await look();
    expect(await firings()).toMatchObject([{ status: 'waiting' }]);
    living.delete(7);
    await look();
    expect(await firings()).toMatchObject([{ status: 'planned', plan_id: claimed?.plan_id }]);
    expect(harness.store.snapshot().plans.size).toBe(1);
  });

  it('that was none: a process that was taken for dead and comes back makes no second plan', async () => {
    const { harness, create, look, told } = createScheduleTrial();
    await create();
    harness.nowMs += 60_000;
    const answers: Array<() => void> = [];
    harness.answer = () => new Promise((resolve) => answers.push(() => resolve(READABLE)));
    const stalled = look({ services: { ...harness.services, epoch: 7 } });
    await expect.poll(() => answers.length).toBe(1);
    const other = look();
    await expect.poll(() => answers.length).toBe(2);
    answers[1]?.();
    await other;
    answers[0]?.();
    await stalled;
    expect([await told(), harness.store.snapshot().plans.size]).toEqual([['12:01 planned'], 1]);
  });

  it.each([1, 2, 3])('at commit %i, before or after it, never makes a second plan', async (at) => {
    for (const moment of ['beforeCommit', 'afterCommit'] as const) {
      const { harness, create, pass, told } = createScheduleTrial();
      await create();
      const first = harness.store.commits;
      harness.store[moment] = (number) => {
        if (number === first + at) throw new Error('killed');
      };
      await pass().catch(() => {});
      harness.store[moment] = () => {};
      await pass(6000);
      await pass(6000);
      expect([moment, await told(), harness.store.snapshot().plans.size]).toEqual([
        moment,
        ['12:01 planned'],
        1,
      ]);
    }
  });
});

describe('overlap', () => {
  it('skip: makes none while the earlier plan has not ended, and says which', async () => {
    const trial = createScheduleTrial();
    await trial.create({ overlap: 'skip' });
    await trial.pass();
    const { plan } = await planOf(trial);
    await trial.pass();
    expect((await trial.firings())[0]).toMatchObject({
      status: 'skipped',
      reason: `it overlaps: plan ${plan.plan_id} is awaiting_approval`,
    });
    expect(await trial.audited('schedule.fire')).toMatchObject([{ status: 'skipped' }]);
  });

  it('skip: fires again once the earlier plan has ended', async () => {
    const trial = createScheduleTrial();
    await trial.create({ overlap: 'skip' });
    await trial.pass();
    await endPlan(trial);
    await trial.pass();
    expect(await trial.told()).toEqual(['12:01 planned', '12:02 planned']);
  });

  it('buffer_one: one waits for the end, the others are skipped', async () => {
    const trial = createScheduleTrial();
    await trial.create({ overlap: 'buffer_one' });
    for (let minute = 0; minute < 3; minute += 1) await trial.pass();
    await trial.look();
    expect(await trial.told()).toEqual(['12:01 planned', '12:02 waiting', '12:03 skipped']);
    const plan = (await trial.firings()).at(-1)?.plan_id ?? '';
    const record = await trial.harness.store.read.plan('acme', plan);
    const change = { status: 'expired', status_reason: 'x', updated_at: '2026-01-10T12:00:00.000Z' } as const;
    await trial.harness.store.transaction((tx) => tx.updatePlan(plan, record?.revision ?? 0, change));
    await trial.pass(6000);
    expect(await trial.told()).toEqual(['12:01 planned', '12:02 planned', '12:03 skipped']);
  });

  it('buffer_one: what waited past its window is missed, not late', async () => {
    const trial = createScheduleTrial();
    await trial.create({ overlap: 'buffer_one', catch_up_window_s: 90 });
    await trial.pass();
    await trial.pass();
    await trial.pass(50_000);
    expect(await trial.told()).toEqual(['12:01 planned', '12:02 waiting']);
    await trial.pass(45_000);
    expect((await trial.told()).slice(0, 2)).toEqual(['12:01 planned', '12:02 missed']);
    expect((await trial.firings()).at(-2)?.reason).toMatch(
      /^it could not begin before .*it overlaps: plan pl_/,
    );
  });

  it('allow_all: each time makes its plan', async () => {
    const { create, pass, told } = createScheduleTrial();
    await create({ overlap: 'allow_all' });
    await pass();
    await pass();
    expect(await told()).toEqual(['12:01 planned', '12:02 planned']);
  });
});

describe('a workflow', () => {
  it('that makes no plan now is refused with what it says, once, and the schedule goes on', async () => {
    const { harness, create, pass, firings, told } = createScheduleTrial();
    await create();
    harness.answer = () => ({ kind: 'refused', detail: 'it is a merge' });
    await pass();
    expect((await firings())[0]).toMatchObject({
      status: 'refused',
      reason: expect.stringContaining('it is a merge'),
      attempts: 0,
    });
    const calls = harness.calls.length;
    await pass(30_000);
    expect(harness.calls).toHaveLength(calls);
    harness.answer = () => READABLE;
    await pass(30_000);
    expect(await told()).toEqual(['12:01 refused', '12:02 planned']);
  });

  it('whose tools are away is tried again with growing waits, under one plan id, and made when they are back', async () => {
    const { harness, create, pass, firings } = createScheduleTrial();
    await create();
    harness.answer = () => {
      throw new AppError('unavailable', 'the server is away', { retryable: true });
    };
    await pass();
    const [first] = await firings();
    expect(first).toMatchObject({
      status: 'waiting',
      attempts: 1,
      reason: 'Workflow revert-commit: the server is away',
    });
    await pass(4000);
    expect((await firings())[0]).toMatchObject({ attempts: 1 });
    await pass(1000);
    expect((await firings())[0]).toMatchObject({ attempts: 2, plan_id: first?.plan_id });
    harness.answer = () => READABLE;
    await pass(10_000);
    expect((await firings())[0]).toMatchObject({ status: 'planned', plan_id: first?.plan_id });
  });

  it('that fails at every try fails, with why, and audited', async () => {
    const { harness, create, pass, firings, audited } = createScheduleTrial();
    await create({ catch_up_window_s: 3600, end_at: '2026-01-10T12:01:30Z' });
    harness.answer = () => {
      throw new Error('a bug');
    };
    for (let tries = 0; tries < 12; tries += 1) await pass(120_000);
    expect(await firings()).toMatchObject([
      { status: 'failed', attempts: 8, reason: 'Workflow revert-commit: a bug' },
    ]);
    expect(await audited('schedule.fire')).toMatchObject([
      { status: 'failed', reason: 'Workflow revert-commit: a bug' },
    ]);
  });

  it('that hangs does not hold up other schedules', async () => {
    const { harness, create, look, told } = createScheduleTrial();
    await create({}, 'hangs');
    await create({ input: { repository: 'shop', commit: 'f'.repeat(40), service: 'checkout' } });
    harness.nowMs += 60_000;
    harness.answer = ({ input }) =>
      JSON.stringify(input).includes('ffff') ? READABLE : new Promise<never>(() => {});
    void look();
    await expect.poll(() => told()).toEqual(['12:01 planned']);
    expect(await told('hangs')).toEqual(['12:01 waiting']);
  });
});

describe('a firing that waits for its moment', () => {
  it('comes after its jitter, not before', async () => {
    const { harness, create, pass, firings, told } = createScheduleTrial();
    await create({ jitter_s: 3600, end_at: '2026-01-10T12:01:30Z' });
    await pass();
    expect(await told()).toEqual(['12:01 waiting']);
    const dueMs = Date.parse((await firings())[0]?.due_at ?? '');
    expect(dueMs).toBeGreaterThan(harness.nowMs);
    await pass(dueMs - harness.nowMs - 1);
    expect(await told()).toEqual(['12:01 waiting']);
    await pass(1);
    expect(await told()).toEqual(['12:01 planned']);
  });

  it('comes after its jitter also when nobody looked for longer than its window before', async () => {
    const { harness, create, pass, firings, told } = createScheduleTrial();
    await create({ jitter_s: 3600, catch_up_window_s: 10, end_at: '2026-01-10T12:01:30Z' });
    await pass(90_000);
    expect(await told()).toEqual(['12:01 waiting']);
    await pass(Date.parse((await firings())[0]?.due_at ?? '') - harness.nowMs);
    expect(await told()).toEqual(['12:01 planned']);
  });

  it('is missed when it was paused meanwhile', async () => {
    const { harness, create, pass, told } = createScheduleTrial();
    await create({ jitter_s: 3600, end_at: '2026-01-10T12:01:30Z' });
    await pass();
    await invoke(pauseSchedule, harness.as({ id: 'user:bob' }), { name: 'nightly', note: 'sale' });
    await pass(3_600_000);
    expect(await told()).toEqual(['12:01 missed']);
  });

  it('makes no plan when its schedule is paused while it is made', async () => {
    const { harness, create, look, told } = createScheduleTrial();
    await create();
    harness.nowMs += 60_000;
    harness.answer = async () => {
      harness.answer = () => READABLE;
      await invoke(pauseSchedule, harness.as({ id: 'user:bob' }), { name: 'nightly', note: 'sale' });
      return READABLE;
    };
    await look();
    await look();
    expect([await told(), harness.store.snapshot().plans.size]).toEqual([['12:01 missed'], 0]);
  });

  it('is tried anew when its schedule was changed while it failed', async () => {
    const { harness, create, look, told } = createScheduleTrial();
    const { definition } = await create();
    harness.nowMs += 60_000;
    harness.answer = async () => {
      harness.answer = () => READABLE;
      const change = { name: 'nightly', definition, revision: 1 };
      await invoke(replaceSchedule, harness.as({ id: 'user:bob' }), change);
      return { kind: 'refused', detail: 'it is a merge' };
    };
    await look();
    expect(await told()).toEqual(['12:01 waiting']);
    await look();
    expect(await told()).toEqual(['12:01 planned']);
  });

  it('is no end that counts when its schedule is deleted before it is taken', async () => {
    const { harness, create, pass, firings } = createScheduleTrial();
    await create({ jitter_s: 3600, end_at: '2026-01-10T12:01:30Z' });
    await pass();
    const [waiting] = await firings();
    if (waiting === undefined) throw new Error('nothing waits');
    await invoke(deleteSchedule, harness.as({ id: 'user:bob' }), { name: 'nightly', reason: 'x' });
    expect(await carryOutFiring(harness.as({ id: 'service:scheduler' }), waiting)).toBe('waiting');
  });

  it('makes no plan when its schedule is deleted while it is made', async () => {
    const { harness, create, look } = createScheduleTrial();
    await create();
    harness.nowMs += 60_000;
    harness.answer = async () => {
      await invoke(deleteSchedule, harness.as({ id: 'user:bob' }), { name: 'nightly', reason: 'x' });
      return READABLE;
    };
    await look();
    expect(harness.store.snapshot().plans.size).toBe(0);
  });
});

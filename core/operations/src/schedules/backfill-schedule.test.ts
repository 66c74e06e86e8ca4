import { describe, expect, it } from 'vitest';
import { invoke } from '../operation.ts';
import { createScheduleTrial } from '../testing/index.ts';
import { backfillSchedule } from './backfill-schedule.ts';

const at = (minute: number): string =>
  new Date(Date.parse('2026-01-10T12:00:00Z') + minute * 60_000).toISOString();

function setUp() {
  const trial = createScheduleTrial();
  const backfill = (from: number, to: number) =>
    invoke(backfillSchedule, trial.harness.as({ id: 'user:bob' }), {
      name: 'nightly',
      from: at(from),
      to: at(to),
      reason: 'it was down',
    });
  return { ...trial, backfill };
}

describe('backfill-schedule', () => {
  it('fires what made no plan, from and including the first, up to and without the last', async () => {
    const { create, pass, look, backfill, told, audited } = setUp();
    await create();
    await pass(300_000);
    expect(await told()).toEqual(['12:01-12:04 x4 missed', '12:05 planned']);
    await pass(30_000);
    expect(await backfill(2, 5.5)).toEqual({ queued: 3, existing: 1 });
    await look();
    expect((await told()).toSorted()).toEqual([
      '12:01-12:04 x4 missed',
      '12:02 planned',
      '12:03 planned',
      '12:04 planned',
      '12:05 planned',
    ]);
    expect(await backfill(2, 5)).toEqual({ queued: 0, existing: 3 });
    expect((await audited('schedule.backfill'))[0]).toMatchObject({ by: 'user:bob', queued: 3, existing: 1 });
  });

  it('fires nothing from before its start or after its end', async () => {
    const { harness, create, backfill, look, told } = setUp();
    harness.nowMs -= 60_000;
    await create({ start_at: at(2), end_at: at(4), catch_up: 'all' });
    harness.nowMs += 3_600_000;
    expect(await backfill(0, 10)).toEqual({ queued: 2, existing: 0 });
    await look();
    const planned = (await told()).filter((line) => line.endsWith('planned'));
    expect(planned).toEqual(['12:02 planned', '12:03 planned']);
    await expect(backfill(5, 10)).rejects.toMatchObject({ errors: [{ pointer: '/from' }] });
  });

  it.each<[string, number, number, string]>([
    ['an empty range', 3, 3, '/to'],
    ['the future', 0, 60, '/to'],
    ['more times than people can look at', -200, 0, '/to'],
    ['a range without a time', 0.1, 0.2, '/from'],
    ['a time that the database knows no year for', -1e9, 0, '/from'],
  ])('refuses %s', async (_, from, to, pointer) => {
    const { harness, create, backfill } = setUp();
    await create();
    harness.nowMs += 600_000;
    const call = () => backfill(from, to);
    expect(await harness.refusal(call)).toMatchObject({ code: 'invalid_input' });
    await expect(call()).rejects.toMatchObject({ errors: [{ pointer }] });
  });
});

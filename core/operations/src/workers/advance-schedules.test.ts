import { describe, expect, it } from 'vitest';
import { invoke } from '../operation.ts';
import { pauseSchedule } from '../schedules/pause-schedule.ts';
import { createScheduleTrial } from '../testing/index.ts';
import { advanceSchedules } from './advance-schedules.ts';

const { signal } = new AbortController();

describe('the times of a schedule', () => {
  it('each make one plan, however often and by however many processes they are looked at', async () => {
    const { harness, create, look, pass, told } = createScheduleTrial();
    await create();
    harness.nowMs += 60_000;
    await Promise.all([look(), look(), look({ services: { ...harness.services, epoch: 2 } })]);
    await look();
    expect(await told()).toEqual(['12:01 planned']);
    await pass();
    expect(await told()).toEqual(['12:01 planned', '12:02 planned']);
    expect(harness.store.snapshot().plans.size).toBe(2);
  });

  it('that passed while nobody looked are told with why, and audited; the last in the window fires', async () => {
    const { create, pass, told, firings, audited } = createScheduleTrial();
    await create();
    await pass(1_800_000);
    expect(await told()).toEqual(['12:01-12:19 x19 missed', '12:20-12:29 x10 missed', '12:30 planned']);
    expect((await firings()).map(({ reason }) => reason).toReversed()).toEqual([
      'nothing fired within 600 s of it',
      'a later time came before it could fire',
      '',
    ]);
    expect(await audited('schedule.fire')).toMatchObject([
      { by: 'service:scheduler', count: 19, status: 'missed' },
      { count: 10, status: 'missed' },
    ]);
  });

  it('that passed while nobody looked are counted once, by however many processes', async () => {
    const { harness, create, look, told } = createScheduleTrial();
    await create();
    harness.nowMs += 1_800_000;
    await Promise.all([look(), look({ services: { ...harness.services, epoch: 2 } })]);
    expect(await told()).toEqual(['12:01-12:19 x19 missed', '12:20-12:29 x10 missed', '12:30 planned']);
  });

  it('that are missed are counted, but not those that pass while it is paused', async () => {
    const { harness, create } = createScheduleTrial();
    await create();
    const counted: number[] = [];
    const advance = () => advanceSchedules(harness.services, signal, (times) => counted.push(times));
    harness.nowMs += 1_800_000;
    await advance();
    await invoke(pauseSchedule, harness.as({ id: 'user:bob' }), { name: 'nightly', note: 'sale' });
    harness.nowMs += 1_800_000;
    await advance();
    expect(counted).toEqual([29, 0]);
  });

  it('are not judged again when the clock goes back a little', async () => {
    const { create, pass, told } = createScheduleTrial();
    await create();
    await pass(120_000);
    for (const ms of [-60_000, 30_000, 29_000]) await pass(ms);
    expect(await told()).toEqual(['12:01 missed', '12:02 planned']);
    await pass(61_000);
    expect(await told()).toEqual(['12:01 missed', '12:02 planned', '12:03 planned']);
  });

  it('of a paused one are told on when the clock had been a day ahead', async () => {
    const { harness, create, pass, told } = createScheduleTrial();
    await create();
    await invoke(pauseSchedule, harness.as({ id: 'user:bob' }), { name: 'nightly', note: 'sale' });
    await pass(86_400_000);
    await pass(-86_400_000);
    for (let minute = 0; minute < 3; minute += 1) await pass();
    expect(await told()).toEqual(['12:01-12:03 x3 missed', '12:01-04:40 x1000 missed']);
  });

  it('come again when the clock had been a day ahead, but make no second plan', async () => {
    const { harness, create, pass, told, audited } = createScheduleTrial();
    await create();
    await pass(60_000);
    await pass(86_400_000);
    await pass(0);
    expect((await told()).at(-1)).toBe('12:01 planned');
    harness.nowMs -= 86_400_000;
    await pass(0);
    expect(await audited('schedule.clock_back')).toHaveLength(1);
    await pass(60_000);
    await pass(60_000);
    const plans = (await told()).filter((line) => line.endsWith('planned'));
    expect(plans).toEqual(['12:01 planned', '12:02 planned', '12:03 planned', '12:01 planned']);
    await pass(86_400_000 - 120_000);
    await pass(0);
    expect(harness.store.snapshot().plans.size).toBe(4);
  });

  it('are judged by another process when the first one was killed before the commit', async () => {
    const { harness, create, look, told } = createScheduleTrial();
    await create();
    harness.nowMs += 60_000;
    harness.store.beforeCommit = () => {
      throw new Error('killed');
    };
    await expect(advanceSchedules(harness.services, signal, () => {})).rejects.toThrow('killed');
    harness.store.beforeCommit = () => {};
    await look();
    expect(await told()).toEqual(['12:01 planned']);
  });
});

it('a schedule that cannot be read any more is paused with why, and the others go on', async () => {
  const { harness, create, pass, told } = createScheduleTrial();
  const broken = await create({}, 'broken');
  await create();
  const definition = { ...broken.definition, time_zone: 'Gone' };
  await harness.store.transaction((tx) => tx.updateSchedule({ ...broken, definition }, 1));
  await pass();
  await pass();
  expect(await told('nightly')).toEqual(['12:01 planned', '12:02 planned']);
  expect(await harness.store.read.schedule('acme', 'broken')).toMatchObject({
    paused: { by: 'service:scheduler', note: expect.stringContaining('no time zone Gone') },
  });
  expect(harness.logged.filter((line) => line.startsWith('a schedule was paused'))).toHaveLength(1);
});

it('one that cannot be read any more is paused once, also when the clock had been a day ahead', async () => {
  const { harness, create, pass, audited } = createScheduleTrial();
  const broken = await create({ time_zone: 'Gone soon' });
  const definition = { ...broken.definition, time_zone: 'Gone' };
  const decided_until = '2026-01-11T12:00:00.000Z';
  await harness.store.transaction((tx) => tx.updateSchedule({ ...broken, definition, decided_until }, 1));
  await pass();
  await pass();
  expect(await audited('schedule.pause')).toHaveLength(1);
});

it('a schedule that fails is told when all were looked at, and looked at again; the others go on', async () => {
  const { harness, create, look, told } = createScheduleTrial();
  await create({ time_zone: 'Bug' }, 'broken');
  await create();
  harness.nowMs += 60_000;
  const calendar: typeof harness.services.calendar = {
    open: (cron, zone) => {
      if (zone === 'Bug') throw new Error('a bug');
      return harness.services.calendar.open(cron, zone);
    },
  };
  const broken = { ...harness.services, calendar };
  await expect(advanceSchedules(broken, signal, () => {})).rejects.toThrow('broken: a bug');
  await look();
  expect([await told('nightly'), await told('broken')]).toEqual([['12:01 planned'], ['12:01 planned']]);
});

import { describe, expect, it } from 'vitest';
import { invoke } from '../operation.ts';
import { createScheduleTrial } from '../testing/index.ts';
import { getSchedule } from './get-schedule.ts';
import { pauseSchedule } from './pause-schedule.ts';

function setUp() {
  const trial = createScheduleTrial();
  const get = (firings = 20) =>
    invoke(getSchedule, trial.harness.as({ id: 'user:olga', roles: ['observer'] }), {
      name: 'nightly',
      firings,
    });
  return { ...trial, get };
}

describe('get-schedule', () => {
  it('tells the next times with their jitter, and the last firings with what became of their plans', async () => {
    const { create, pass, get } = setUp();
    await create({ jitter_s: 50 });
    await pass();
    await pass();
    const { upcoming, firings } = await get();
    expect(upcoming).toHaveLength(5);
    for (const [index, { nominal_at, due_at }] of upcoming.entries()) {
      expect(nominal_at).toBe(`2026-01-10T12:0${index + 3}:00.000Z`);
      expect(Date.parse(due_at) - Date.parse(nominal_at)).toBeLessThan(50_000);
    }
    expect(firings[1]).toMatchObject({ status: 'planned', plan_status: 'awaiting_approval' });
    expect((await get(1)).firings).toHaveLength(1);
  });

  it('tells no time of one that is paused, ended, or that cannot be read any more', async () => {
    const { harness, create, get } = setUp();
    const known = await create({ end_at: '2026-01-10T12:01:30Z' });
    expect((await get()).upcoming).toHaveLength(1);
    await invoke(pauseSchedule, harness.as({ id: 'user:bob' }), { name: 'nightly', note: 'sale' });
    expect((await get()).upcoming).toEqual([]);
    const definition = { ...known.definition, time_zone: 'Gone' };
    await harness.store.transaction((tx) => tx.updateSchedule({ ...known, definition }, 2));
    expect((await get()).upcoming).toEqual([]);
    expect(harness.logged.join()).toContain('There is no time zone Gone');
  });

  it('says that there is none of that name', async () => {
    const { harness, get } = setUp();
    expect(await harness.refusal(() => get())).toMatchObject({ code: 'not_found' });
  });
});

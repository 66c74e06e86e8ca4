import { describe, expect, it } from 'vitest';
import type { JsonObject } from '@carapulse/kernel';
import { invoke } from '../operation.ts';
import { createScheduleTrial, scheduleDefinition } from '../testing/index.ts';
import { createSchedule } from './create-schedule.ts';

describe('create-schedule', () => {
  it('keeps it, audited, with its first time and its author, and makes no plan', async () => {
    const { harness, audited } = createScheduleTrial();
    const definition = scheduleDefinition();
    const context = harness.as({ id: 'user:alice' });
    const schedule = await invoke(createSchedule, context, { name: 'nightly', definition });
    expect(schedule).toMatchObject({
      authors: ['user:alice'],
      paused: null,
      revision: 1,
      next_at: '2026-01-10T12:01:00.000Z',
    });
    expect(await harness.store.read.schedule('acme', 'nightly')).toEqual(schedule);
    expect(await audited('schedule.create')).toMatchObject([
      { by: 'user:alice', name: 'nightly', definition },
    ]);
    expect(harness.calls).toEqual([]);
  });

  it.each<[string, JsonObject, string, string[]]>([
    ['a workflow that there is not', { workflow: 'gone' }, 'not_found', []],
    [
      'an input that the workflow does not take',
      { input: { comit: 'x' } },
      'invalid_input',
      ['/input/comit'],
    ],
    ['an expression that is none', { cron: '61 * * * *' }, 'invalid_input', ['/definition/cron']],
    ['a zone that there is not', { time_zone: 'Gone' }, 'invalid_input', ['/time_zone']],
    ['a time that never comes', { cron: '0 0 31 2 *' }, 'invalid_input', ['/cron']],
    [
      'more times in its window than anybody looks at',
      { catch_up: 'all', catch_up_window_s: 6060 },
      'invalid_input',
      ['/catch_up_window_s'],
    ],
    ['an end that has passed', { end_at: '2026-01-01T00:00:00Z' }, 'invalid_input', ['/end_at']],
    [
      'an end before its start',
      { start_at: '2026-03-01T00:00:00Z', end_at: '2026-02-01T00:00:00Z' },
      'invalid_input',
      ['/definition/end_at'],
    ],
    ['a jitter without bound', { jitter_s: 4000 }, 'invalid_input', ['/definition/jitter_s']],
    ['a field that is not known', { seconds: 1 }, 'invalid_input', ['/definition']],
  ])('refuses %s, naming the place', async (_, change, code, pointers) => {
    const { harness } = createScheduleTrial();
    const create = () =>
      invoke(createSchedule, harness.as({ id: 'user:alice' }), {
        name: 'nightly',
        definition: { ...scheduleDefinition(), ...change },
      });
    expect(await harness.refusal(create)).toMatchObject({ code, audited: [] });
    const error = await create().catch((thrown: unknown) => thrown);
    const faults = (error as { errors: { pointer: string }[] }).errors.map(({ pointer }) => pointer);
    for (const pointer of pointers) expect(faults).toContain(pointer);
  });

  it('refuses a name that is taken, and one that no address could hold', async () => {
    const { harness, create } = createScheduleTrial();
    await create();
    expect(await harness.refusal(() => create())).toMatchObject({ code: 'conflict' });
    expect(await harness.refusal(() => create({}, 'a/../b'))).toMatchObject({ code: 'invalid_input' });
  });
});

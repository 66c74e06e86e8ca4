import { describe, expect, it } from 'vitest';
import { invoke } from '../operation.ts';
import { createScheduleTrial, scheduleDefinition } from '../testing/index.ts';
import { replaceSchedule } from './replace-schedule.ts';

function setUp() {
  const trial = createScheduleTrial();
  const replace = (change = {}, revision = 1, who = 'user:bob') =>
    invoke(replaceSchedule, trial.harness.as({ id: who }), {
      name: 'nightly',
      revision,
      definition: scheduleDefinition({ reason: 'another', ...change }),
    });
  return { ...trial, replace };
}

describe('replace-schedule', () => {
  it('holds from now on, audited with what it was, and adds its author once', async () => {
    const { harness, create, replace, audited } = setUp();
    const before = await create();
    harness.nowMs += 30_000;
    expect(await replace()).toMatchObject({
      revision: 2,
      authors: ['user:alice', 'user:bob'],
      updated_by: 'user:bob',
      definition: { reason: 'another' },
    });
    expect((await replace({}, 2)).authors).toEqual(['user:alice', 'user:bob']);
    expect((await audited('schedule.replace'))[0]).toMatchObject({
      by: 'user:bob',
      before: before.definition,
      definition: { reason: 'another' },
    });
  });

  it('judges by the old definition what passed before it, and nothing of that by the new', async () => {
    const { harness, create, replace, told, look } = setUp();
    await create({ catch_up: 'all' });
    harness.nowMs += 120_000;
    await replace({ catch_up: 'all' });
    await look();
    expect(await told()).toEqual(['12:01 planned', '12:02 planned']);
  });

  it('refuses another revision than the one there is, changing nothing', async () => {
    const { harness, create, replace } = setUp();
    await create();
    await replace();
    expect(await harness.refusal(() => replace())).toMatchObject({ code: 'conflict' });
    expect(await harness.refusal(() => replace({ cron: '0 0 31 2 *' }, 2))).toMatchObject({
      code: 'invalid_input',
    });
  });

  it('mends one that cannot be read any more', async () => {
    const { harness, create, replace } = setUp();
    const broken = await create();
    const definition = { ...broken.definition, time_zone: 'Gone' };
    await harness.store.transaction((tx) => tx.updateSchedule({ ...broken, definition }, 1));
    expect(await replace({}, 2)).toMatchObject({ next_at: '2026-01-10T12:01:00.000Z' });
  });

  it('refuses the author after so many that nobody would be left to approve', async () => {
    const { harness, create, replace } = setUp();
    const known = await create();
    const authors = Array.from({ length: 50 }, (_, n) => `user:${n}`);
    await harness.store.transaction((tx) => tx.updateSchedule({ ...known, authors }, 1));
    expect(await harness.refusal(() => replace({}, 2))).toMatchObject({ code: 'precondition_failed' });
  });
});

import { expect, test } from 'vitest';
import { invoke } from '../operation.ts';
import { pauseSchedule, resumeSchedule } from '../schedules/pause-schedule.ts';
import { triggerSchedule } from '../schedules/trigger-schedule.ts';
import { createScheduleTrial } from '../testing/index.ts';
import { pauseRestoredSchedules } from './pause-restored-schedules.ts';

const WHY = 'it ends at record 3, and a checkpoint vouches for 9';

test('no time up to a restore makes a plan any more, and none comes until a person has looked', async () => {
  const { harness, create, pass, told, firings, audited } = createScheduleTrial();
  const alice = harness.as({ id: 'user:alice' });
  await create();
  await invoke(triggerSchedule, alice, { name: 'nightly', reason: 'now' });
  harness.nowMs += 120_000;
  const orchestrator = harness.as({ id: 'service:orchestrator', kind: 'service' });
  expect(await pauseRestoredSchedules(orchestrator, WHY)).toBe(1);
  expect(await pauseRestoredSchedules(orchestrator, WHY)).toBe(0);
  await pass();
  expect(await told()).toEqual(['12:00 missed', '12:01-12:03 x3 missed']);
  for (const { reason } of await firings()) expect(reason).toContain(WHY);
  expect(await audited('schedule.pause')).toMatchObject([
    { by: 'service:orchestrator', note: expect.stringContaining(WHY) },
  ]);
  expect(await audited('schedule.fire')).toMatchObject([{ cause: 'manual' }, { cause: 'cron', count: 3 }]);
  await invoke(resumeSchedule, alice, { name: 'nightly', note: 'looked' });
  await pass();
  expect((await told()).at(-1)).toBe('12:04 planned');
});

test('what a person has paused keeps their note', async () => {
  const { harness, create } = createScheduleTrial();
  const alice = harness.as({ id: 'user:alice' });
  await create();
  await invoke(pauseSchedule, alice, { name: 'nightly', note: 'sale' });
  expect(await pauseRestoredSchedules(harness.as({ id: 'service:orchestrator', kind: 'service' }), WHY)).toBe(
    0,
  );
  expect((await harness.store.read.schedule('acme', 'nightly'))?.paused).toMatchObject({
    by: 'user:alice',
    note: 'sale',
  });
});

test('every schedule is paused, however many there are', async () => {
  const { harness, create } = createScheduleTrial();
  for (let number = 0; number < 101; number += 1) await create({}, `nightly-${number}`);
  const orchestrator = harness.as({ id: 'service:orchestrator', kind: 'service' });
  expect(await pauseRestoredSchedules(orchestrator, WHY)).toBe(101);
});

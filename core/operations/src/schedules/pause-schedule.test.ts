import { describe, expect, it } from 'vitest';
import { invoke } from '../operation.ts';
import { createScheduleTrial } from '../testing/index.ts';
import { pauseSchedule, resumeSchedule } from './pause-schedule.ts';

function setUp() {
  const trial = createScheduleTrial();
  const bob = trial.harness.as({ id: 'user:bob' });
  const pause = () => invoke(pauseSchedule, bob, { name: 'nightly', note: 'sale' });
  const resume = () => invoke(resumeSchedule, bob, { name: 'nightly', note: 'it is over' });
  return { ...trial, pause, resume };
}

describe('pause-schedule and resume-schedule', () => {
  it('let times pass as one row that grows, and fire again from then on', async () => {
    const { create, pause, resume, pass, told, firings, audited } = setUp();
    await create();
    await pause();
    for (let minute = 0; minute < 3; minute += 1) await pass();
    expect(await told()).toEqual(['12:01-12:03 x3 missed']);
    expect((await firings())[0]?.reason).toBe('paused by user:bob: sale');
    await resume();
    await pass();
    expect(await told()).toEqual(['12:01-12:03 x3 missed', '12:04 planned']);
    expect(await audited('schedule.pause')).toMatchObject([{ by: 'user:bob', note: 'sale' }]);
    expect(await audited('schedule.resume')).toMatchObject([{ note: 'it is over', was: { note: 'sale' } }]);
    // The row that grew is one entry of the trail.
    expect(await audited('schedule.fire')).toHaveLength(1);
  });

  it('record what passed while nobody looked, when it is resumed', async () => {
    const { harness, create, pause, resume, pass, told } = setUp();
    await create();
    await pause();
    harness.nowMs += 180_000;
    await resume();
    await pass(0);
    expect(await told()).toEqual(['12:01-12:03 x3 missed']);
  });

  it('do not make their author one of the schedule’s, who can’t approve', async () => {
    const { create, pause, resume } = setUp();
    await create();
    await pause();
    expect((await resume()).authors).toEqual(['user:alice']);
  });

  it('are refused where they would change nothing', async () => {
    const { harness, create, pause, resume } = setUp();
    await create();
    expect(await harness.refusal(resume)).toMatchObject({ code: 'conflict' });
    await pause();
    expect(await harness.refusal(pause)).toMatchObject({ code: 'conflict' });
  });
});

import { describe, expect, it } from 'vitest';
import { invoke } from '../operation.ts';
import { createScheduleTrial } from '../testing/index.ts';
import { pauseSchedule } from './pause-schedule.ts';
import { triggerSchedule } from './trigger-schedule.ts';

describe('trigger-schedule', () => {
  it('fires at once, paused and beside what overlaps, and whoever asked can’t approve either', async () => {
    const { harness, create, look, pass, firings, audited } = createScheduleTrial();
    await create({ overlap: 'skip' });
    await pass();
    await invoke(pauseSchedule, harness.as({ id: 'user:carol' }), { name: 'nightly', note: 'sale' });
    harness.nowMs += 5000;
    const trigger = () =>
      invoke(triggerSchedule, harness.as({ id: 'user:bob' }), { name: 'nightly', reason: 'now' });
    const firing = await trigger();
    await look();
    const [made] = await firings();
    expect(made).toMatchObject({ firing_id: firing.firing_id, status: 'planned', cause: 'manual' });
    const record = await harness.store.read.plan('acme', made?.plan_id ?? '');
    expect(record?.plan.authors).toEqual(['user:alice', 'user:bob']);
    expect(await audited('schedule.trigger')).toMatchObject([{ by: 'user:bob', reason: 'now' }]);
    expect(await harness.refusal(trigger)).toMatchObject({ code: 'conflict' });
  });

  it('says that there is no such schedule', async () => {
    const { harness } = createScheduleTrial();
    const call = () => invoke(triggerSchedule, harness.as({ id: 'user:bob' }), { name: 'gone', reason: 'x' });
    expect(await harness.refusal(call)).toMatchObject({ code: 'not_found' });
  });
});

import { expect, it } from 'vitest';
import { invoke } from '../operation.ts';
import { createScheduleTrial } from '../testing/index.ts';
import { deleteSchedule } from './delete-schedule.ts';

it('takes it away with its firings, keeps the plans, and frees the name', async () => {
  const { harness, create, pass, audited } = createScheduleTrial();
  const { definition } = await create();
  await pass();
  const remove = () =>
    invoke(deleteSchedule, harness.as({ id: 'user:bob' }), { name: 'nightly', reason: 'done' });
  await remove();
  expect(harness.store.snapshot().firings.size).toBe(0);
  expect(harness.store.snapshot().plans.size).toBe(1);
  expect(await audited('schedule.delete')).toMatchObject([{ by: 'user:bob', reason: 'done', definition }]);
  expect(await harness.refusal(remove)).toMatchObject({ code: 'not_found' });
  await create();
});

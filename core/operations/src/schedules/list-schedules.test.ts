import { expect, it } from 'vitest';
import { invoke } from '../operation.ts';
import { createScheduleTrial } from '../testing/index.ts';
import { listSchedules } from './list-schedules.ts';

it('lists schedules of the tenant, newest first, each with its times', async () => {
  const { harness, create, pass } = createScheduleTrial();
  await create({}, 'first');
  await create({}, 'second');
  await pass();
  const olga = harness.as({ id: 'user:olga', roles: ['observer'] });
  const page = await invoke(listSchedules, olga, { limit: 10, after: null });
  expect(
    page.items.map(({ schedule, upcoming, firings }) => [schedule.name, upcoming.length, firings.length]),
  ).toEqual([
    ['second', 5, 1],
    ['first', 5, 1],
  ]);
  const stranger = harness.as({ id: 'user:x', tenant_id: 'other' });
  expect((await invoke(listSchedules, stranger, { limit: 10, after: null })).items).toEqual([]);
});

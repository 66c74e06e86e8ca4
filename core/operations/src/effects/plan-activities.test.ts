import { expect, test } from 'vitest';
import { testKey, testPlan, testStatement } from '@carapulse/approval/testing';
import { createHarness } from '../testing/index.ts';
import { createPlanActivities } from './plan-activities.ts';

const ABORT = new AbortController().signal;

test('what a run does under a hold that another process has ended changes nothing', async () => {
  const harness = createHarness();
  const bob = testKey('user:bob', 'person');
  harness.trust(bob.trusted);
  const plan = testPlan();
  await harness.storePlan(plan, 'approved');
  await harness.approve(plan, await testStatement(plan, bob));
  const { execution_id } = await harness.queue(plan);
  const activities = createPlanActivities(() => harness.services);
  const { read } = harness.store;
  const step = { execution_id, step_id: 'write', direction: 'forward', attempt: 1, outputs: {} } as const;

  await activities.begin({ execution_id }, ABORT, 1);
  await activities.transition({ execution_id, status: 'parked', reason: 'by the second' }, ABORT, 2);
  expect(await read.runEpoch(execution_id)).toBe(2);
  const before = [await read.execution('acme', execution_id), await harness.audit()];

  const late = [
    activities.transition({ execution_id, status: 'running', reason: 'by the first' }, ABORT, 1),
    activities.step(step, ABORT, 1),
    activities.finish(
      {
        execution_id,
        result: { status: 'failed', cause: null, code: null, reason: '', steps: [], checks: [] },
      },
      ABORT,
      1,
    ),
  ];
  for (const each of late) await expect(each).rejects.toMatchObject({ code: 'fenced' });
  expect([await read.execution('acme', execution_id), await harness.audit()]).toEqual(before);
  expect(harness.calls).toEqual([]);

  await activities.transition({ execution_id, status: 'running', reason: 'resumed' }, ABORT, 2);
  await activities.step(step, ABORT, 2);
  expect(harness.calls[0]).toMatchObject({ epoch: 2, envelope: { body: { epoch: 2 } } });
});

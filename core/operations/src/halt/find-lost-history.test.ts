import { testPlan } from '@carapulse/approval/testing';
import { toTimestamp } from '@carapulse/kernel';
import { beforeEach, expect, test } from 'vitest';
import { createHarness, type Harness } from '../testing/index.ts';
import { findLostHistory } from './find-lost-history.ts';

let harness: Harness;
let id: string;
/** A run whose first step has begun. */
beforeEach(async () => {
  harness = createHarness();
  const record = await harness.storePlan(testPlan(), 'approved');
  id = (await harness.queue(record.plan)).execution_id;
  const execution = await harness.store.read.execution('acme', id);
  await harness.store.transaction(async (tx) => {
    await tx.updateExecution(id, execution?.revision ?? 0, { status: 'running' });
    await tx.upsertStep({
      execution_id: id,
      step_id: record.plan.steps[0]?.step_id ?? '',
      status: 'running',
      attempts: 1,
      started_at: toTimestamp(harness.nowMs),
      ended_at: null,
      detail: '',
      evidence_id: null,
      retry_at: null,
    });
  });
});

const asked = (key: string) => ({
  activityTaskScheduledEventAttributes: { activityId: key, activityType: { name: 'step' } },
});
const history = (...events: readonly object[]) =>
  harness.histories.set(id, {
    format: 1,
    engine: 'temporal',
    run_id: id,
    history: { events: [{ workflowExecutionStartedEventAttributes: {} }, ...events] },
  } as never);

test('a history that asked for all that the store knows of lacks nothing', async () => {
  const step = testPlan().steps[0]?.step_id;
  history(asked(`${id}/${step}/1 (epoch 2)`));
  expect(await findLostHistory(harness.services)).toBeNull();
});

test('one that never asked for a step that has begun is older than the store', async () => {
  history(asked(`${id}/another/1`));
  const lost = await findLostHistory(harness.services);
  expect(lost).toMatchObject({ executions: [{ execution_id: id }], why: expect.stringContaining(id) });
});

test('a run that is gone altogether is named as well', async () => {
  const lost = await findLostHistory(harness.services);
  expect(lost?.executions.map((each) => each.execution_id)).toEqual([id]);
});

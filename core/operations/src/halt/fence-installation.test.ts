import { testPlan, TEST_IDS } from '@carapulse/approval/testing';
import { expect, test } from 'vitest';
import { createHarness } from '../testing/index.ts';
import { fenceInstallation } from './fence-installation.ts';

test('halts everything and closes what is alive; what waits becomes stale, what runs is left to end at its write', async () => {
  const harness = createHarness();
  const waiting = await harness.storePlan(testPlan());
  const running = await harness.storePlan(testPlan({ plan_id: TEST_IDS.otherPlan }), 'approved');
  await harness.queue(running.plan);
  const context = harness.as({ id: 'service:orchestrator', kind: 'service' });
  for (let start = 0; start < 2; start += 1) await fenceInstallation(context, 'it ends too early');
  const status = async ({ plan }: typeof waiting) =>
    (await harness.store.read.plan('acme', plan.plan_id))?.status;
  expect(await status(waiting)).toBe('stale');
  expect(await status(running)).toBe('approved');
  expect(new Set(harness.closed)).toEqual(new Set([waiting.plan.plan_id, running.plan.plan_id]));
  expect(harness.services.halt.state(waiting.plan.context)?.reason).toContain('it ends too early');
  expect((await harness.audit()).map((each) => each.action)).toEqual([
    'installation.fence',
    'installation.fence',
  ]);
});

test('plans that have ended are not closed again', async () => {
  const harness = createHarness();
  await harness.storePlan(testPlan(), 'succeeded');
  await fenceInstallation(harness.as({ id: 'service:orchestrator', kind: 'service' }), 'why');
  expect(harness.closed).toEqual([]);
});

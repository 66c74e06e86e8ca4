import { rm } from 'node:fs/promises';
import { installationPaths } from '@carapulse/carapulse/composition';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Assistant } from './src/assistant.ts';
import { asDatabaseOwner, forgedStatement, type DatabaseOwner } from './src/database-owner.ts';
import { approve, endOf, openWorld, planNow, until, type PlanView, type World } from './src/world.ts';

let world: World;
let assistant: Assistant;
beforeAll(async () => {
  world = await openWorld();
  assistant = await world.start();
});
afterAll(() => world.close());

const moves = async () => [await world.shop.moves('alpha'), await world.shop.moves('beta')];

/** Stops the instance, lets the owner of the database at it, starts it again and waits for what becomes of the plans. */
async function attack(plans: readonly PlanView[], work: (owner: DatabaseOwner) => Promise<void>) {
  const before = await moves();
  await assistant.stop();
  await asDatabaseOwner(world, work);
  assistant = await world.start();
  const ends = await Promise.all(
    plans.map(async ({ plan }) => {
      const { execution_id } = await planNow(assistant, plan.plan_id);
      if (execution_id === null) return 'never dispatched';
      const { execution } = await endOf(assistant, execution_id);
      return `${execution.status}: ${execution.status_reason}`;
    }),
  );
  const after = await moves();
  return { ends, effects: after.map((count, index) => count - (before[index] ?? 0)) };
}

test('approvals that the owner of the database writes, replays or completes cause no effect', async () => {
  const plans = await world.plans(assistant, 6);
  const [strange, borrowed, gateway, replayed, completed, lowered] = plans as [
    PlanView,
    PlanView,
    PlanView,
    PlanView,
    PlanView,
    PlanView,
  ];
  const source = await world.plan(assistant);
  await approve(assistant, source, 'alice');
  const { execution_id } = await approve(assistant, source, 'bob');
  expect((await endOf(assistant, execution_id ?? '')).execution.status).toBe('succeeded');
  const genuine = (await planNow(assistant, source.plan.plan_id)).approvals.map((each) => each.statement);
  const bobsKey = genuine.find((each) => each.body.approver === 'user:bob')?.signed.key_id ?? '';
  await approve(assistant, completed, 'alice');
  await approve(assistant, lowered, 'alice');
  const { ends, effects } = await attack(plans, async (owner) => {
    for (const who of ['user:alice', 'user:bob']) {
      await owner.approve(strange, await forgedStatement(strange, who, 'ed25519:0123456789abcdef'));
      await owner.approve(borrowed, await forgedStatement(borrowed, who, bobsKey));
      const attested = { roles: ['admin' as const], groups: [who] };
      await owner.approve(gateway, await forgedStatement(gateway, who, bobsKey, attested));
    }
    for (const statement of genuine) await owner.approve(replayed, statement);
    await owner.approve(completed, await forgedStatement(completed, 'user:bob', bobsKey));
    await owner.editPlan(lowered, {
      ...lowered.plan,
      policy: { ...lowered.plan.policy, decision: 'allow', constraints: [] },
    });
    for (const plan of plans) await owner.dispatch(plan);
  });
  console.log(ends);
  expect(effects).toEqual([0, 0]);
});

import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { killEverywhere, sample } from './src/kill-trial.ts';
import { startAssistant, type Assistant } from './src/assistant.ts';
import { approve, endOf, openWorld, planNow, until, type World } from './src/world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

test('a run that is killed at any of its durable writes ends as if it had not been', async () => {
  await killEverywhere(world, { name: 'embedded', positions: (writes) => sample(writes, 6) });
});

test('a stopped process still holds its directory; woken up it finishes its run once', async () => {
  const first = await world.start();
  const plan = await world.plan(first);
  await approve(first, plan, 'alice');
  const before = [await world.shop.moves('alpha'), await world.shop.moves('beta')] as const;
  const { execution_id } = await approve(first, plan, 'bob');
  await first.arm(20, 'SIGSTOP');
  await until('the process to stand still', async () => (await stopped(first)) || null);
  await expect(startAssistant(world.installation, world.config)).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringMatching(new RegExp(`in use by process ${first.pid}.*kill ${first.pid}`)),
  });
  first.signal('SIGCONT');
  const { execution } = await endOf(first, execution_id ?? '');
  expect(execution.status).toBe('succeeded');
  expect(await world.shop.moves('alpha')).toBe(before[0] + 1);
  expect(await world.shop.moves('beta')).toBe(before[1] + 1);
  expect((await planNow(first, plan.plan.plan_id)).status).toBe('succeeded');
  await first.stop();
});

/** Whether the kernel says that the process is stopped. */
async function stopped({ pid }: Assistant): Promise<boolean> {
  return /^State:\s+T/m.test(await readFile(`/proc/${pid}/status`, 'utf8'));
}

import { afterEach, beforeEach, test } from 'vitest';
import { killEverywhere, sample } from './src/kill-trial.ts';
import { openWorld, type World } from './src/world.ts';

const HOUR_MS = 3_600_000;
let world: World;
beforeEach(async () => {
  world = await openWorld();
});
afterEach(() => world.close());

test(
  'a run that is killed at each of its durable writes ends as if it had not been',
  async () => {
    await killEverywhere(world, { positions: (writes) => sample(writes, writes) });
  },
  HOUR_MS,
);

test(
  'a run that rolls back and is killed in between, at evenly spaced writes, is rolled back once',
  async () => {
    await killEverywhere(world, { positions: (writes) => sample(writes, 12), plan: { helps: false } });
  },
  HOUR_MS,
);

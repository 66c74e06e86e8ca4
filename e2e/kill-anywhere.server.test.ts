import { afterEach, beforeEach, test } from 'vitest';
import { killInAll, sample } from './src/kill-trial.ts';
import { openWorld, type World } from './src/world.ts';

const HOUR_MS = 3_600_000;
/** Two, since a machine that runs this has two processors at least and a trial waits about half of its time. */
let worlds: readonly World[];
beforeEach(async () => {
  worlds = [await openWorld(), await openWorld()];
});
afterEach(async () => {
  for (const world of worlds) await world.close();
});

test(
  'a run that is killed at each of its durable writes ends as if it had not been',
  async () => {
    await killInAll(worlds, { name: 'each durable write', positions: (writes) => sample(writes, writes) });
  },
  HOUR_MS,
);

test(
  'a run that rolls back and is killed in between, at evenly spaced writes, is rolled back once',
  async () => {
    await killInAll(worlds, {
      name: 'rollback',
      positions: (writes) => sample(writes, 12),
      plan: { helps: false },
    });
  },
  HOUR_MS,
);

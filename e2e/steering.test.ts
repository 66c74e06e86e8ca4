import { afterAll, beforeAll } from 'vitest';
import { steeringSuite } from './src/steering-suite.ts';
import { openWorld, type World } from './src/world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

steeringSuite(() => world);

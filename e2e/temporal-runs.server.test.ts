import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { killEverywhere, sample } from './src/kill-trial.ts';
import { steeringSuite } from './src/steering-suite.ts';
import { missingForTemporal, ownTemporal } from './src/temporal/own-temporal.ts';
import { approve, endOf, openWorld, planNow, type World } from './src/world.ts';

const missing = await missingForTemporal();
const QUARTER_MS = 900_000;

describe.skipIf(missing.length > 0)('with Temporal (needs `npm run testbed -- build temporal`)', () => {
  let temporal: Awaited<ReturnType<typeof ownTemporal>>;
  let world: World;

  beforeAll(async () => {
    temporal = await ownTemporal();
    const opened = await openWorld();
    const engine = { engine: 'temporal', temporal: { address: temporal.address } };
    const orchestrator = { ...(opened.config['orchestrator'] as object), ...engine };
    world = { ...opened, start: (change) => opened.start({ orchestrator, ...change }) };
  });

  afterAll(async () => {
    await world.close();
    await temporal.stop();
  });

  test(
    'a run that is killed at durable writes of its process ends as if it had not been',
    () => killEverywhere(world, { name: 'Temporal', positions: (writes) => sample(writes, 6) }),
    QUARTER_MS,
  );

  test('a run stays with the engine that started it, whichever is chosen meanwhile', async () => {
    const first = await world.start();
    const plan = await world.plan(first);
    await approve(first, plan, 'alice');
    await first.arm(8);
    const acknowledged = await approve(first, plan, 'bob').catch(() => null);
    expect(await first.ended).toBe('SIGKILL');
    const before = [await world.shop.moves('alpha'), await world.shop.moves('beta')] as const;
    const orchestrator = {
      ...(world.config['orchestrator'] as object),
      temporal: { address: temporal.address },
    };
    const second = await world.start({ orchestrator: { ...orchestrator, engine: 'embedded' } });
    const execution = acknowledged?.execution_id ?? (await planNow(second, plan.plan.plan_id)).execution_id;
    if (typeof execution !== 'string') throw new Error('the approval left no execution');
    expect((await endOf(second, execution)).execution.status).toBe('succeeded');
    expect([await world.shop.moves('alpha'), await world.shop.moves('beta')]).toEqual(
      before.map((moves) => moves + 1),
    );
    await second.stop();
  });

  describe('a person at a run', () => {
    steeringSuite(() => world);
  });
});

import { missingOf, TESTBED_SERVERS } from '@carapulse/example-testbed';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { missingForCluster } from './src/kubernetes-world.ts';
import { killScalings } from './src/scale-trials.ts';
import { openScaleWorld, type ScaleWorld } from './src/scale-world.ts';
import { ownTemporal } from './src/temporal/own-temporal.ts';

const server = TESTBED_SERVERS['temporal'];
const missing = [
  ...(await missingForCluster()),
  ...(server === undefined ? ['no Temporal in the test bed'] : await missingOf(server)),
];
if (missing.length > 0 && process.env['CI'] === 'true') throw new Error(missing.join('\n'));
const HALF_HOUR_MS = 1_800_000;

describe.skipIf(missing.length > 0)(
  'scale-service on Temporal (needs cluster and temporal of the test bed)',
  () => {
    let temporal: Awaited<ReturnType<typeof ownTemporal>>;
    let world: ScaleWorld;
    beforeAll(async () => {
      temporal = await ownTemporal();
      world = await openScaleWorld({ engine: 'temporal', temporal: { address: temporal.address } });
    });
    afterAll(async () => {
      await world?.close();
      await temporal?.stop();
    });

    test.for([
      { name: 'kept', helps: true, kills: 4 },
      { name: 'undone', helps: false, kills: 3 },
    ])('is carried on when the process is killed, and $name', { timeout: HALF_HOUR_MS }, async (trials) => {
      const last = await killScalings(world, await world.start(), trials);
      expect(last.pid).toBeGreaterThan(0);
      await last.stop();
    });
  },
);

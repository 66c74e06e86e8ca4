import { missingOf, TESTBED_SERVERS } from '@carapulse/example-testbed';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { missingForCluster } from './src/kubernetes-world.ts';
import { killScalings } from './src/scale-trials.ts';
import { openScaleWorld, type ScaleWorld } from './src/scale-world.ts';
import { ownTemporal } from './src/temporal/own-temporal.ts';
import { approve, endOf, planNow, until } from './src/world.ts';

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

    test(
      'is started by a schedule at its minute, once others than its author have approved',
      { timeout: 600_000 },
      async () => {
        await world.deploy('scheduled', 2);
        const assistant = await world.start();
        const { body } = await assistant.as('alice').call('createSchedule', {
          body: {
            name: 'evening',
            definition: {
              workflow: 'scale-service',
              input: {
                cluster: 'main',
                namespace: 'shop',
                kind: 'deployment',
                name: 'scheduled',
                replicas: 3,
              },
              cron: '* * * * *',
              time_zone: 'Australia/Lord_Howe',
              reason: 'more traffic in the evening',
            },
          },
        });
        const fired = await until(
          'its firing',
          async () => {
            const shown = await assistant.as('olga').call('getSchedule', { params: { name: 'evening' } });
            return shown.body.firings.find(({ status }) => status !== 'waiting') ?? null;
          },
          240_000,
        );
        expect(fired).toMatchObject({ status: 'planned', nominal_at: body.upcoming[0]?.nominal_at });
        const plan = await planNow(assistant, fired.plan_id ?? '');
        expect((await world.state('scheduled')).replicas).toBe(2);
        await expect(approve(assistant, plan, 'alice')).rejects.toMatchObject({ code: 'approval_invalid' });
        const first = await approve(assistant, plan, 'bob');
        const execution = first.execution_id ?? (await approve(assistant, plan, 'carol')).execution_id ?? '';
        expect((await endOf(assistant, execution)).execution).toMatchObject({ status: 'succeeded' });
        expect(await world.state('scheduled')).toMatchObject({ replicas: 3, available: 3 });
        const run = (await assistant.as('olga').call('getHistory', { params: { execution_id: execution } }))
          .body;
        expect(run.engine).toBe('temporal');
        await assistant.stop();
      },
    );
  },
);

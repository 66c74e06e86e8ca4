import { missingOf, TESTBED_SERVERS } from '@carapulse/example-testbed';
import { openTcpPath, type TcpPath } from '@carapulse/workflows/testing/several';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { send } from './src/api.ts';
import type { Assistant } from './src/assistant.ts';
import { ownTemporal } from './src/temporal/own-temporal.ts';
import { approve, endOf, openWorld, planNow, until, type World } from './src/world.ts';

const server = TESTBED_SERVERS['temporal'];
const missing = server === undefined ? ['no Temporal in the test bed'] : await missingOf(server);
if (missing.length > 0 && process.env['CI'] === 'true') throw new Error(missing.join('\n'));
const LIMIT = { timeout: 240_000 };

describe.skipIf(missing.length > 0)('with Temporal (needs `npm run testbed -- build temporal`)', () => {
  let temporal: Awaited<ReturnType<typeof ownTemporal>>;
  let path: TcpPath;
  let world: World;
  beforeAll(async () => {
    temporal = await ownTemporal();
    path = await openTcpPath({ host: '127.0.0.1', port: Number(temporal.address.split(':')[1]) });
    world = await openWorld();
  }, 60_000);
  afterAll(async () => {
    await world.close();
    await path.close();
    await temporal.stop();
  });

  const start = () => {
    const engine = { engine: 'temporal', temporal: { address: `127.0.0.1:${path.port}` } };
    return world.start({ orchestrator: { ...(world.config['orchestrator'] as object), ...engine } });
  };
  const readiness = async (assistant: Assistant) => {
    const { status, text } = await send(assistant.url, 'GET', '/readyz');
    const { checks } = JSON.parse(text) as { checks: { name: string; ok: boolean; detail: string }[] };
    return { status, engine: checks.find(({ name }) => name === 'durable engine') };
  };

  test(
    'the assistant lives while Temporal is away, says so, and runs what was approved meanwhile',
    LIMIT,
    async () => {
      const assistant = await start();
      expect(await readiness(assistant)).toMatchObject({ status: 200, engine: { ok: true } });
      const plan = await world.plan(assistant);
      await approve(assistant, plan, 'alice');
      const before = [await world.shop.moves('alpha'), await world.shop.moves('beta')];
      path.cut();
      const away = await readiness(assistant);
      expect(away.status).toBe(503);
      expect(away.engine).toMatchObject({
        ok: false,
        detail: expect.stringMatching(/Temporal at .* does not answer/),
      });
      const { execution_id: given } = await approve(assistant, plan, 'bob');
      const execution = given ?? (await planNow(assistant, plan.plan.plan_id)).execution_id;
      if (typeof execution !== 'string') throw new Error('the approval left no execution');
      path.mend();
      expect((await endOf(assistant, execution)).execution.status).toBe('succeeded');
      expect([await world.shop.moves('alpha'), await world.shop.moves('beta')]).toEqual(
        before.map((moves) => moves + 1),
      );
      await until('it is ready again', async () =>
        (await readiness(assistant)).status === 200 ? true : null,
      );
      await assistant.stop();
    },
  );

  test(
    'it does not start while Temporal is away, and says which address does not answer',
    LIMIT,
    async () => {
      path.cut();
      await expect(start()).rejects.toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining(`Temporal at 127.0.0.1:${path.port} cannot be used`),
      });
      path.mend();
      const assistant = await start();
      expect(await readiness(assistant)).toMatchObject({ status: 200, engine: { ok: true } });
      await assistant.stop();
    },
  );
});

import { cpSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { installationPaths } from '@carapulse/carapulse/composition';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { send } from './src/api.ts';
import type { Assistant } from './src/assistant.ts';
import { missingForTemporal, ownTemporal, type OwnTemporal } from './src/temporal/own-temporal.ts';
import { approve, endOf, openWorld, planNow, until, type World } from './src/world.ts';

const missing = await missingForTemporal();
const LIMIT = { timeout: 300_000 };
const REASON = { reason: 'I do it by hand' };

describe.skipIf(missing.length > 0)('with Temporal (needs `npm run testbed -- build temporal`)', () => {
  let temporal: OwnTemporal;
  let world: World;
  beforeAll(async () => {
    temporal = await ownTemporal();
    world = await openWorld();
  });
  afterAll(async () => {
    await world.close();
    await temporal.stop();
  });

  const start = (): Promise<Assistant> => {
    const engine = { engine: 'temporal', temporal: { address: temporal.address } };
    return world.start({ orchestrator: { ...(world.config['orchestrator'] as object), ...engine } });
  };
  const moves = async () => [await world.shop.moves('alpha'), await world.shop.moves('beta')];
  const fence = async (assistant: Assistant): Promise<string | undefined> => {
    const { text } = await send(assistant.url, 'GET', '/readyz');
    const { checks } = JSON.parse(text) as { checks: { name: string; ok: boolean; detail: string }[] };
    return checks.find(({ name, ok }) => name === 'restore' && !ok)?.detail;
  };

  test(
    'a database older than Temporal starts fenced, and what ran meanwhile is not run again',
    LIMIT,
    async () => {
      const { database, checkpoints } = installationPaths(world.installation);
      const backup = join(world.root, 'an older database');
      const first = await start();
      const plan = await world.plan(first);
      await approve(first, plan, 'alice');
      await first.stop();
      cpSync(database, backup, { recursive: true });
      const second = await start();
      const { execution_id } = await approve(second, plan, 'bob');
      expect((await endOf(second, execution_id ?? '')).execution.status).toBe('succeeded');
      await second.stop();
      const done = await moves();
      rmSync(database, { recursive: true });
      cpSync(backup, database, { recursive: true });

      const restored = await start();
      expect(await fence(restored)).toMatch(/fenced: .*put .*checkpoints.* aside/);
      expect((await planNow(restored, plan.plan.plan_id)).status).toBe('stale');
      await expect(approve(restored, plan, 'carol')).rejects.toMatchObject({ code: expect.any(String) });
      expect(await moves()).toEqual(done);
      await restored.stop();

      renameSync(checkpoints, `${checkpoints}.evidence`);
      const free = await start();
      expect(await fence(free)).toBeUndefined();
      await free.as('ada').call('clearHalt', { body: { scope: '*', reason: 'compared with the world' } });
      const next = await world.plan(free);
      await approve(free, next, 'alice');
      const again = await approve(free, next, 'bob');
      expect((await endOf(free, again.execution_id ?? '')).execution.status).toBe('succeeded');
      await free.stop();
    },
  );

  test(
    'a Temporal older than the database starts fenced, and the run that it lacks does nothing any more',
    LIMIT,
    async () => {
      const first = await start();
      const plan = await world.plan(first);
      await approve(first, plan, 'alice');
      const held = world.shop.holdPush('beta');
      const execution_id = (await approve(first, plan, 'bob')).execution_id ?? '';
      const go = await held;
      await temporal.kill();
      await temporal.backUp();
      const view = async (assistant: Assistant) =>
        (await assistant.as('alice').call('getExecution', { params: { execution_id } })).body;
      await until('the takeover to be heard', () =>
        first
          .as('carol')
          .call('takeoverExecution', { params: { execution_id }, body: REASON })
          .then(
            () => true,
            () => null,
          ),
      );
      await go();
      await until('the takeover', async () =>
        (await view(first)).execution.status === 'taken_over' ? true : null,
      );
      await first.stop();
      await temporal.kill();
      await temporal.restore();

      const restored = await start();
      expect(await fence(restored)).toMatch(new RegExp(`fenced: .*${execution_id}.*ended as failed`));
      expect((await view(restored)).execution).toMatchObject({
        status: 'failed',
        status_reason: expect.stringContaining('compare with the world'),
      });
      await restored.as('ada').call('clearHalt', { body: { scope: '*', ...REASON } });
      const next = await world.plan(restored);
      const moved = await moves();
      await approve(restored, next, 'alice');
      const again = await approve(restored, next, 'bob');
      const { status, status_reason } = (await endOf(restored, again.execution_id ?? '')).execution;
      expect(`${status}: ${status_reason}`).toMatch(/^succeeded/);
      // The older run wakes up beside it, and does nothing any more.
      expect(await moves()).toEqual(moved.map((each) => each + 1));
      await restored.stop();
    },
  );
});

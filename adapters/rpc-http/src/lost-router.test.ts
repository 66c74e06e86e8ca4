import type { RepeatClass } from '@carapulse/plan';
import { createToolRouter } from '@carapulse/tools';
import { codeOf, newDeps, newWorld, notePlan, writeRequest, type World } from '@carapulse/tools/testing';
import { afterEach, expect, test } from 'vitest';
import { createRemoteToolRouter } from './remote-tool-router.ts';
import { LostRpc, type RpcConnection } from './rpc-connection.ts';
import { serveToolRouter } from './serve-tool-router.ts';
import { openTestService, type TestService } from './test-service.testing.ts';

const services: TestService[] = [];
afterEach(async () => {
  await Promise.all(services.splice(0).map(({ server }) => server.close(0)));
});

async function routerOver(world: World, repeat: RepeatClass, die: () => void): Promise<RpcConnection> {
  const deps = newDeps(world, repeat, die);
  const nothing = () => Promise.reject(new Error('nothing'));
  const resources = { evidence: nothing, call: nothing };
  const service = await openTestService(
    serveToolRouter({ router: createToolRouter(deps), registry: deps.registry, resources }),
  );
  services.push(service);
  return service.connect();
}

/** The way to a router that is gone at the nth moment of its port calls, and to the next one from then on. */
async function dyingAt(nth: number, world: World, repeat: RepeatClass) {
  let moment = 0;
  let died = false;
  const first = await routerOver(world, repeat, () => {
    if (moment++ !== nth) return;
    died = true;
    throw new Error('killed');
  });
  const second = await routerOver(world, repeat, () => {});
  const connection: RpcConnection = {
    url: first.url,
    call: async (procedure, input, signal) => {
      if (died) return second.call(procedure, input, signal);
      try {
        return await first.call(procedure, input, signal);
      } catch (error) {
        throw died ? new LostRpc('was lost', true, error) : error;
      }
    },
    stream: (procedure, input, onFrame, signal) => second.stream(procedure, input, onFrame, signal),
  };
  return { connection, died: () => died };
}

test.each([
  ['observable', 'done', 1],
  ['convergent', 'done', 2],
] as const)(
  'a router that dies at any moment of a write of class %s: the caller goes on with the next one',
  async (repeat, outcome, mostEffects) => {
    const request = await writeRequest(notePlan(repeat));
    const { signal } = new AbortController();
    let moments = 0;
    for (let nth = 0; ; nth += 1) {
      const world = newWorld();
      const { connection, died } = await dyingAt(nth, world, repeat);
      const code = await codeOf(createRemoteToolRouter(connection).execute(request, { signal }));
      expect(code, `death at moment ${nth}`).toBe(outcome);
      expect(world.word).toBe('after');
      expect(world.effects, `death at moment ${nth}`).toBeLessThanOrEqual(mostEffects);
      if (!died()) break;
      moments += 1;
    }
    expect(moments).toBe(24);
  },
);

test('of a write that cannot be read back the caller hears that it is unknown, and it happens once at most', async () => {
  const request = await writeRequest(notePlan('unsafe'));
  const { signal } = new AbortController();
  const heard = new Set<string>();
  for (let nth = 0; nth < 24; nth += 1) {
    const world = newWorld();
    const { connection } = await dyingAt(nth, world, 'unsafe');
    const code = await codeOf(createRemoteToolRouter(connection).execute(request, { signal }));
    heard.add(code);
    expect(world.effects).toBeLessThanOrEqual(1);
  }
  expect([...heard].toSorted()).toEqual(['done', 'outcome_unknown outcome_unknown']);
});

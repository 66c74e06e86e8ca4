import type { RepeatClass } from '@carapulse/plan';
import { TEST_NOW_MS } from '@carapulse/approval/testing';
import { AppError, toTimestamp } from '@carapulse/kernel';
import { createToolRouter, type CallOptions, type RouterDeps } from '@carapulse/tools';
import { codeOf, newDeps, newWorld, notePlan, writeRequest, type World } from '@carapulse/tools/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { createRemoteToolRouter } from './remote-tool-router.ts';
import { LostRpc, type RpcConnection } from './rpc-connection.ts';
import { serveToolRouter } from './serve-tool-router.ts';
import { openTestService, type TestService } from './test-service.testing.ts';

const services: TestService[] = [];
afterEach(async () => {
  await Promise.all(services.splice(0).map(({ server }) => server.close(0)));
});

type Renew = NonNullable<CallOptions['renewEnvelope']>;
type Change = Partial<Pick<RouterDeps, 'clock'>>;

async function routerOver(
  world: World,
  repeat: RepeatClass,
  die: () => void,
  change: Change = {},
): Promise<RpcConnection> {
  const deps = { ...newDeps(world, repeat, die), ...change };
  const nothing = () => Promise.reject(new Error('nothing'));
  const resources = { evidence: nothing, call: nothing };
  const service = await openTestService(
    serveToolRouter({ router: createToolRouter(deps), registry: deps.registry, resources }),
  );
  services.push(service);
  return service.connect();
}

/** The way to a router that is gone at the nth moment of its port calls, and to the next one from then on. */
async function dyingAt(nth: number, world: World, repeat: RepeatClass, next: Change = {}) {
  let moment = 0;
  let died = false;
  const first = await routerOver(world, repeat, () => {
    if (moment++ !== nth) return;
    died = true;
    throw new Error('killed');
  });
  const second = await routerOver(world, repeat, () => {}, next);
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

describe('a router that is away for longer than an envelope lives', () => {
  const AWAY_MS = 61_000;
  const later = { nowMs: () => TEST_NOW_MS + AWAY_MS, monotonicMs: () => AWAY_MS };
  const plan = notePlan('observable');
  const lasting = (fromMs: number) => ({
    body: { issued_at: toTimestamp(fromMs), expires_at: toTimestamp(fromMs + 60_000) },
  });
  const renewed: Renew = async () => {
    const { envelope } = await writeRequest(plan, lasting(later.nowMs()));
    if (envelope === null) throw new Error('a write has an envelope');
    return envelope;
  };
  const { signal } = new AbortController();

  async function outcomeOf(world: World, renewEnvelope?: Renew) {
    const request = await writeRequest(plan, lasting(TEST_NOW_MS));
    // The moment before the evidence: the effect is there, and nothing is told of it.
    const { connection } = await dyingAt(18, world, 'observable', { clock: later });
    const renewal = renewEnvelope === undefined ? {} : { renewEnvelope };
    return createRemoteToolRouter(connection).execute(request, { signal, ...renewal });
  }

  test('gets one that is signed anew, and the step is done once', async () => {
    const world = newWorld();
    expect(await outcomeOf(world, renewed)).toMatchObject({ output: { word: 'after' }, repeated: true });
    expect(world.effects).toBe(1);
  });

  test('refuses the old one, which does not tell what became of the write', async () => {
    const world = newWorld();
    await expect(outcomeOf(world)).rejects.toMatchObject({
      code: 'outcome_unknown',
      message: expect.stringContaining('The envelope expired'),
    });
    expect(world.effects).toBe(1);
  });

  test('is asked once there is an envelope, where signing one failed for a moment', async () => {
    const world = newWorld();
    let signed = 0;
    const response = await outcomeOf(world, () => {
      signed += 1;
      if (signed === 1) throw new AppError('unavailable', 'the store is away', { retryable: true });
      return renewed();
    });
    expect([response.repeated, signed, world.effects]).toEqual([true, 2, 1]);
  });

  test('is asked no more when no envelope may be signed, and what became of it is unknown', async () => {
    const world = newWorld();
    const failed = outcomeOf(world, () => Promise.reject(new AppError('forbidden_transition', 'it ended')));
    await expect(failed).rejects.toMatchObject({
      code: 'outcome_unknown',
      message: expect.stringContaining('it ended'),
    });
    expect(world.effects).toBe(1);
  });
});

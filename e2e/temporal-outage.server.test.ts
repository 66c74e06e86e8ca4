import { missingOf, TESTBED_SERVERS } from '@carapulse/example-testbed';
import type { AppError, JsonObject } from '@carapulse/kernel';
import type { DurableEngine } from '@carapulse/workflows';
import { heardOf } from '@carapulse/workflows/testing/probe';
import { openTcpPath } from '@carapulse/workflows/testing/several';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ProbeWorld } from './src/temporal/probe-world.ts';

const server = TESTBED_SERVERS['temporal'];
const missing = server === undefined ? ['no Temporal in the test bed'] : await missingOf(server);
if (missing.length > 0 && process.env['CI'] === 'true') throw new Error(missing.join('\n'));
const LIMIT = { timeout: 180_000 };
const CHAIN: JsonObject = {
  work: [
    { key: 'a', after: [] },
    { key: 'b', after: ['a'] },
  ],
  signals: 1,
};

describe.skipIf(missing.length > 0)('with Temporal (needs `npm run testbed -- build temporal`)', () => {
  let world: ProbeWorld;
  let engine: DurableEngine;
  beforeEach(async () => {
    world = await ProbeWorld.open();
    engine = await world.engine();
    await engine.recover();
  }, 60_000);
  afterEach(() => world.close(), 60_000);

  const failure = async (call: Promise<unknown>): Promise<Pick<AppError, 'code' | 'retryable'>> => {
    const error = await call.then(
      () => ({ code: 'none', retryable: false }),
      (thrown: AppError) => thrown,
    );
    return { code: error.code as AppError['code'], retryable: error.retryable };
  };
  const away = { code: 'unavailable', retryable: true };

  /** Every call while the server is away, and that a held activity ends meanwhile; then all runs end. */
  async function carriesOn(leave: () => Promise<void>, back: () => Promise<void>): Promise<void> {
    const open = world.hold('held/a/1');
    for (const run of ['held', 'waits', 'third']) await engine.start(run, 'probe', CHAIN);
    await engine.signal('early', 's', 'go', {});
    await world.begun('held/a/1#1');
    await world.begun('waits/b/1#1');
    await leave();
    const began = performance.now();
    const waited = failure(engine.wait('waits', AbortSignal.timeout(500))).then((failed) => {
      expect(performance.now() - began).toBeLessThan(5000);
      return failed;
    });
    const calls = [
      engine.start('new', 'probe', CHAIN),
      engine.start('early', 'probe', CHAIN),
      engine.signal('waits', 's', 'go', {}),
      engine.status('waits'),
      engine.check?.(AbortSignal.timeout(500)) ?? Promise.resolve(),
    ];
    for (const failed of await Promise.all(calls.map(failure))) expect(failed).toEqual(away);
    expect(await waited).toMatchObject({ code: 'cancelled' });
    expect(performance.now() - began).toBeLessThan(20_000);
    open();
    await back();
    await expect
      .poll(() => engine.check?.(AbortSignal.timeout(2000)).then(() => 'well', String), { timeout: 60_000 })
      .toBe('well');
    for (const run of ['new', 'early']) await engine.start(run, 'probe', CHAIN);
    for (const run of ['held', 'waits', 'third', 'new', 'early']) await engine.signal(run, 's', 'go', {});
    for (const run of ['held', 'waits', 'third', 'new', 'early']) {
      const ended = await engine.wait(run, AbortSignal.timeout(60_000));
      expect(ended.kind === 'ended' && heardOf(ended.result).toSorted()).toEqual([
        'activity a/1 ok',
        'activity b/1 ok',
        'signal go {}',
      ]);
    }
    // What had been heard of before isn't done again; what was under way may be, under the next epoch.
    expect(world.ran.filter((visit) => visit.startsWith('waits/a'))).toEqual(['waits/a/1#1']);
    expect(new Set(world.ran).size).toBe(world.ran.length);
  }

  test('a server that is killed and started again', LIMIT, () =>
    carriesOn(
      () => world.kill(),
      () => world.revive(),
    ),
  );

  test('a server that is frozen and goes on', LIMIT, () =>
    carriesOn(
      async () => world.freeze(),
      async () => world.thaw(),
    ),
  );

  test('recovery says what it could not do, and can be asked for again', LIMIT, async () => {
    const late = await world.engine();
    await engine.start('r', 'probe', CHAIN);
    await world.kill();
    expect(await failure(late.recover())).toEqual(away);
    await world.revive();
    await late.recover();
    await engine.signal('r', 's', 'go', {});
    expect(await late.wait('r', AbortSignal.timeout(60_000))).toMatchObject({ kind: 'ended' });
  });

  test('closing ends soon while the server is frozen, with an activity that never ends', LIMIT, async () => {
    world.hold('r/a/1');
    await engine.start('r', 'probe', CHAIN);
    await world.begun('r/a/1#1');
    world.freeze();
    const began = performance.now();
    await engine.close(500);
    expect(performance.now() - began).toBeLessThan(15_000);
    world.thaw();
  });

  test.each(['cut', 'freeze', 'halfClose'] as const)(
    'a connection on which somebody does %s',
    LIMIT,
    async (fault) => {
      const path = await openTcpPath({ host: '127.0.0.1', port: Number(world.address.split(':')[1]) });
      const far = await world.engine({}, `127.0.0.1:${path.port}`);
      // Only the one behind the relay works.
      await engine.close(0);
      await far.recover();
      await far.start('r', 'probe', CHAIN);
      await world.begun('r/b/1#1');
      path[fault]();
      if (fault !== 'halfClose') expect(await failure(far.status('r'))).toEqual(away);
      path.mend();
      const told = () => failure(far.signal('r', 's', 'go', {}));
      await expect.poll(told, { timeout: 90_000 }).toMatchObject({ code: 'none' });
      expect(await far.wait('r', AbortSignal.timeout(60_000))).toMatchObject({ kind: 'ended' });
      expect(new Set(world.ran).size).toBe(world.ran.length);
      await far.close(1000);
      await path.close();
    },
  );
});

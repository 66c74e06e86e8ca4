import { AppError } from '@carapulse/kernel';
import { describe, expect, test } from 'vitest';
import { readBack, type WrittenCall } from './read-back.ts';
import { codeOf, newDeps, newWorld, notePlan, writeRequest } from './router-harness.testing.ts';
import type { World } from './router-harness.testing.ts';
import { createToolRouter } from './router.ts';
import type { ToolSession } from './tool-session.ts';

const AWAY = new AppError('sandbox_unavailable', 'the sandbox hung up');
const CUT = new AppError('unavailable', 'connection refused', { retryable: true });
const options = { signal: new AbortController().signal };

/** A world whose write was interrupted by a death, before or after it took effect. */
async function interruptedWorld(takesEffect: boolean): Promise<World> {
  const world = newWorld();
  const dying = newDeps(world, 'observable', (port, when) => {
    if (port === 'sandbox.write' && when === (takesEffect ? 'after' : 'before')) throw new Error('killed');
  });
  await codeOf(createToolRouter(dying).execute(await writeRequest(notePlan('observable')), options)).catch(
    () => undefined,
  );
  expect([world.effects, world.journal.size]).toEqual([takesEffect ? 1 : 0, 1]);
  return world;
}

/** A router over the world; `failing` is asked before each command whether it fails, and tells what ran. */
function routerWith(world: World, failing: (command: string, nth: number) => AppError | null) {
  const deps = newDeps(world, 'observable');
  const ran: string[] = [];
  const slept: number[] = [];
  const router = createToolRouter({
    ...deps,
    sleep: async (ms, signal) => {
      slept.push(ms);
      await deps.sleep(ms, signal);
    },
    sandbox: {
      ...deps.sandbox,
      run: async (command, runOptions) => {
        const name = command.argv[1] ?? '';
        ran.push(name);
        const failure = failing(name, ran.filter((each) => each === name).length);
        if (failure !== null) throw failure;
        return deps.sandbox.run(command, runOptions);
      },
    },
  });
  return { router, ran, slept };
}

describe('an interrupted write that can’t be read back just then', () => {
  test.each([
    ['had not happened', false, AWAY],
    ['had not happened', false, CUT],
    ['had happened', true, AWAY],
    ['had happened', true, CUT],
  ])('%s: it is read again until its target answers, and is there once (%#)', async (_, took, failure) => {
    const world = await interruptedWorld(took);
    const { router, slept } = routerWith(world, (name, nth) =>
      name === 'read' && nth <= 2 ? failure : null,
    );
    const response = await router.execute(await writeRequest(notePlan('observable')), options);
    expect(response).toMatchObject({ output: { word: 'after' }, repeated: took });
    expect([world.effects, slept]).toEqual([1, [250, 500]]);
  });

  test('is unknown when its time is over, which no reading outlasts, and may be settled later', async () => {
    const world = await interruptedWorld(true);
    const { router, slept } = routerWith(world, (name) => (name === 'read' ? AWAY : null));
    const request = await writeRequest(notePlan('observable'));
    await expect(router.execute(request, options)).rejects.toMatchObject({
      code: 'outcome_unknown',
      message: expect.stringContaining('the sandbox hung up'),
    });
    expect(slept.reduce((sum, ms) => sum + ms, 0)).toBeLessThan(1000);
    expect(slept.length).toBeGreaterThan(1);
    expect(world.effects).toBe(1);
    const later = routerWith(world, () => null).router;
    expect((await later.execute(request, options)).repeated).toBe(true);
    expect(world.effects).toBe(1);
  });

  test('is unknown at once where asking again can’t help', async () => {
    const world = await interruptedWorld(false);
    const refusal = new AppError('forbidden', 'the token may not read');
    const { router, ran } = routerWith(world, (name) => (name === 'read' ? refusal : null));
    const code = await codeOf(router.execute(await writeRequest(notePlan('observable')), options));
    expect(code).toBe('outcome_unknown outcome_unknown');
    expect([ran, world.effects]).toEqual([['read'], 0]);
  });

  test('is read back when it is given up meanwhile, and then not begun', async () => {
    const world = await interruptedWorld(false);
    const caller = new AbortController();
    const { router, ran } = routerWith(world, (name, nth) => {
      if (name !== 'read' || nth > 1) return null;
      caller.abort();
      return new AppError('cancelled', 'ended');
    });
    const request = await writeRequest(notePlan('observable'));
    expect(await codeOf(router.execute(request, { signal: caller.signal }))).toBe('cancelled');
    expect([ran, world.effects, world.journal.size]).toEqual([['read', 'read'], 0, 0]);
  });
});

test.each([
  ['took effect', true, 'done'],
  ['did not take effect', false, 'sandbox_unavailable'],
])('a write that %s and lost its sandbox is read back once that answers', async (_, took, code) => {
  const world = newWorld();
  const { router } = routerWith(world, (name, nth) => {
    if (name === 'write' && took) Object.assign(world, { word: 'after', effects: 1 });
    if (name === 'write') return AWAY;
    return nth <= 2 ? AWAY : null;
  });
  expect(await codeOf(router.execute(await writeRequest(notePlan('observable')), options))).toBe(code);
  expect(world.effects).toBe(took ? 1 : 0);
});

test('what was written is told once it can be read, where it was seen to be there', async () => {
  const world = await interruptedWorld(true);
  // The first reading sees it, the second and third are to tell what it is.
  const { router } = routerWith(world, (name, nth) => (name === 'read' && nth === 2 ? CUT : null));
  const response = await router.execute(await writeRequest(notePlan('observable')), options);
  expect(response).toMatchObject({ output: { word: 'after' }, repeated: true });
});

describe('reading back', () => {
  const reading = (timeoutMs: number, signal: AbortSignal) => {
    const opened: { readonly timeoutMs: number; readonly aborted: boolean }[] = [];
    let nowMs = 0;
    const call: WrittenCall = {
      timeoutMs,
      signal,
      open: (limits) => {
        opened.push({ timeoutMs: limits.timeoutMs, aborted: limits.signal.aborted });
        return {} as ToolSession;
      },
    };
    const ports = {
      clock: { nowMs: () => 0, monotonicMs: () => nowMs },
      sleep: async (ms: number) => void (nowMs += ms),
    };
    const takes = (ms: number) => void (nowMs += ms);
    return { call, ports, opened, takes };
  };

  test('takes an answer for an answer, one that does not know among them', async () => {
    const { call, ports, opened } = reading(1000, options.signal);
    expect(await readBack(ports, call, async () => 'unknown')).toBe('unknown');
    expect(opened).toEqual([{ timeoutMs: 1000, aborted: false }]);
  });

  test('gives each reading the time that is left, waits as long as the target asks, and gives up after 15 s', async () => {
    const { call, ports, opened, takes } = reading(60_000, options.signal);
    const throttled = new AppError('rate_limited', 'wait', { retryable: true, retryAfterMs: 6000 });
    const failed = readBack(ports, call, async () => {
      takes(1000);
      throw throttled;
    });
    await expect(failed).rejects.toBe(throttled);
    expect(opened.map(({ timeoutMs }) => timeoutMs)).toEqual([60_000, 53_000, 46_000]);
  });

  test('of a write that was ended has 15 s of its own', async () => {
    const { call, ports, opened } = reading(60_000, AbortSignal.abort());
    expect(await readBack(ports, call, async () => 'done')).toBe('done');
    expect(opened).toEqual([{ timeoutMs: 15_000, aborted: false }]);
  });

  test('ends its waiting with the write, and reads once more', async () => {
    const caller = new AbortController();
    const { call, ports, opened } = reading(60_000, caller.signal);
    const sleep = async (): Promise<void> => {
      caller.abort();
      throw new AppError('cancelled', 'asleep');
    };
    const read = async (): Promise<string> => {
      if (opened.length === 1) throw CUT;
      return 'done';
    };
    expect(await readBack({ ...ports, sleep }, call, read)).toBe('done');
    expect(opened).toEqual([
      { timeoutMs: 60_000, aborted: false },
      { timeoutMs: 15_000, aborted: false },
    ]);
  });
});

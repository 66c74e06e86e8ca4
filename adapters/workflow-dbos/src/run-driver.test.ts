import type { ChildOrder, Machine, RunEvent, RunSnapshot } from '@carapulse/workflows';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Journal, Kept, WaitingSignal } from './journal.ts';
import { RunDriver } from './run-driver.ts';
import { Quarantine } from './suspects.ts';

const START_MS = 1_700_000_000_000;
const HOUR_MS = 3_600_000;

/** Ends when its two timers have fired. */
const MACHINE: Machine<number> = {
  name: 'timers',
  version: 1,
  start: (_input, runId, atMs) => ({
    state: 0,
    commands: [60_000, 90_000].map((ms, index) => ({
      kind: 'timer',
      key: `${runId}/timer-${index}`,
      dueAtMs: atMs + ms,
    })),
  }),
  react: (fired) => ({ state: fired + 1, commands: [], ...(fired === 1 && { result: {} }) }),
};

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Adds up what it is signalled; asks for an activity that nobody answers, a timer, and a child; ends at 9. */
const ADDER: Machine<{ readonly sum: number }> = {
  name: 'adder',
  version: 1,
  start: (_input, runId, atMs) => ({
    state: { sum: 0 },
    commands: [
      { kind: 'activity', key: `${runId}/work/1`, name: 'work', input: {}, timeoutMs: HOUR_MS },
      { kind: 'timer', key: `${runId}/timer`, dueAtMs: atMs + HOUR_MS },
      { kind: 'child', key: 'kid', machine: 'adder', input: {} },
    ],
  }),
  react: ({ sum: before }, event) => {
    const sum = before + (event.kind === 'signal' ? Number(event.payload['n']) : 0);
    return {
      state: { sum },
      commands: event.kind === 'child' ? [{ kind: 'cancel', key: 'kid' }] : [],
      ...(sum >= 9 && { result: { sum } }),
    };
  },
};

interface Setting {
  readonly machine?: Machine<never>;
  readonly kept?: Kept;
  readonly compact?: Journal['compact'];
}

/** A driver whose wall clock is `offsetMs` away from the time that passes. */
function drive(history: readonly RunEvent[] = [], { machine, kept, compact }: Setting = {}) {
  const world = { offsetMs: 0, written: [] as RunEvent[], ran: 0, watched: [] as ChildOrder[] };
  const journal: Pick<Journal, 'read' | 'waiting' | 'append' | 'compact'> = {
    read: async () => kept ?? { snapshot: null, events: history },
    waiting: async () => [],
    compact: compact ?? (async () => true),
    append: async (_run, _hold, _seq, event) => {
      world.written.push(event);
      return true;
    },
  };
  const startedMs = Date.now();
  const passedMs = (): number => Date.now() - startedMs;
  const driver = new RunDriver(
    {
      // The driver uses these four of a journal.
      journal: journal as Journal,
      activities: {
        work: async () => {
          world.ran += 1;
          return new Promise(() => undefined);
        },
      },
      clock: { nowMs: () => START_MS + passedMs() + world.offsetMs, monotonicMs: passedMs },
      logger: undefined,
      abortGraceMs: 1000,
      snapshotEvery: 3,
      quarantine: new Quarantine(),
      holds: { suspect: async () => true },
      watchChild: async (order) => {
        world.watched.push(order);
        return null;
      },
      mayStart: () => true,
    },
    {
      runId: 'r',
      hold: { owner: 'me', epoch: 1 },
      startedAtMs: START_MS,
      fresh: history.length === 0 && kept === undefined,
      lost: false,
      suspects: {},
    },
  );
  const input = { machine: 'any', version: 1, input: {} };
  return { world, driver, driven: () => driver.drive(machine ?? MACHINE, input) };
}

const signals = (count: number): WaitingSignal[] =>
  Array.from({ length: count }, (_, seq) => ({ seq, runId: 'r', name: 'add', payload: '{"n":1}' }));

test('a clock that is set back puts no timer off', async () => {
  const { world, driven } = drive();
  const end = driven();
  await vi.advanceTimersByTimeAsync(30_000);
  world.offsetMs = -3 * HOUR_MS;
  await vi.advanceTimersByTimeAsync(61_000);
  expect(await end).toMatchObject({ kind: 'ended' });
});

test('a clock that was set back while the process was down puts a timer off by what was left of it', async () => {
  const first: RunEvent = { kind: 'timer', key: 'r/timer-0', atMs: START_MS + 60_000 };
  const { world, driven } = drive([first]);
  world.offsetMs = -3 * HOUR_MS;
  const end = driven();
  await vi.advanceTimersByTimeAsync(29_000);
  expect(world.written).toEqual([]);
  await vi.advanceTimersByTimeAsync(2000);
  expect(await end).toMatchObject({ kind: 'ended' });
});

test('a clock that jumps ahead fires a timer when it next looks', async () => {
  const { world, driven } = drive();
  const end = driven();
  await vi.advanceTimersByTimeAsync(1000);
  world.offsetMs = HOUR_MS;
  await vi.advanceTimersByTimeAsync(30_000);
  expect(await end).toMatchObject({ kind: 'ended' });
});

test('snapshots are taken after so many events, and hold what is unanswered', async () => {
  const made: [number, RunSnapshot][] = [];
  const compact: Journal['compact'] = async (_run, _hold, seq, snapshot) => {
    made.push([seq, snapshot]);
    return true;
  };
  const { driver, world, driven } = drive([], { machine: ADDER as Machine<never>, compact });
  const end = driven();
  driver.push(signals(9));
  expect(await end).toEqual({ kind: 'ended', result: { sum: 9 } });
  expect(made.map(([seq, { state }]) => [seq, state])).toEqual([
    [3, { sum: 3 }],
    [6, { sum: 6 }],
  ]);
  expect(made[0]?.[1]).toMatchObject({
    heardMs: START_MS,
    held: [{ key: 'r/work/1' }],
    timers: [{ kind: 'timer', key: 'r/timer', dueAtMs: START_MS + HOUR_MS }],
    children: [{ key: 'kid' }],
    cancelled: [],
  });
  expect(world.ran).toBe(1);
});

test('a run goes on from a snapshot and what was heard since, and asks again for what is unanswered', async () => {
  const snapshot: Kept['snapshot'] = {
    seq: 6,
    state: { sum: 6 },
    heardMs: START_MS + 5,
    held: [{ kind: 'activity', key: 'r/work/1', name: 'work', input: {}, timeoutMs: HOUR_MS }],
    cancelled: ['kid'],
    timers: [],
    children: [{ kind: 'child', key: 'kid', machine: 'adder', input: {} }],
    stuckChildren: ['kid'],
  };
  const since: RunEvent = { kind: 'signal', name: 'add', payload: { n: 1 }, atMs: START_MS + 6 };
  const kept = { snapshot, events: [since] };
  const { driver, world, driven } = drive([], { machine: ADDER as Machine<never>, kept });
  const end = driven();
  driver.push(signals(2));
  expect(await end).toEqual({ kind: 'ended', result: { sum: 9 } });
  expect(world.ran).toBe(1);
  expect(world.watched).toMatchObject([{ cancelled: true, knownStuck: true, parentRunId: 'r' }]);
  const other = drive([], {
    machine: ADDER as Machine<never>,
    kept: {
      snapshot,
      events: [{ kind: 'activity', key: 'r/other/1', outcome: { kind: 'ok', output: {} }, atMs: 1 }],
    },
  });
  expect(await other.driven()).toMatchObject({
    kind: 'stuck',
    reason: expect.stringMatching(/event 7 of its history answers r\/other\/1/),
  });
});

test('a snapshot that cannot be written now leaves the run be; one that is fenced ends the drive', async () => {
  const tried: number[] = [];
  const away: Journal['compact'] = async (_run, _hold, seq) => {
    tried.push(seq);
    throw new Error('connection lost');
  };
  const { driver, driven } = drive([], { machine: ADDER as Machine<never>, compact: away });
  const end = driven();
  driver.push(signals(9));
  expect(await end).toEqual({ kind: 'ended', result: { sum: 9 } });
  expect(tried).toEqual([3, 6]);
  const fenced = drive([], { machine: ADDER as Machine<never>, compact: async () => false });
  const left = fenced.driven();
  fenced.driver.push(signals(9));
  expect(await left).toEqual({ kind: 'left' });
  expect(fenced.world.written).toHaveLength(3);
});

import type { Machine, RunEvent } from '@carapulse/workflows';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Journal } from './journal.ts';
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

/** A driver whose wall clock is `offsetMs` away from the time that passes. */
function drive(history: readonly RunEvent[] = []) {
  const world = { offsetMs: 0, written: [] as RunEvent[] };
  const journal: Pick<Journal, 'read' | 'waiting' | 'append'> = {
    read: async () => ({ snapshot: null, events: history }),
    waiting: async () => [],
    append: async (_run, _hold, _seq, event) => {
      world.written.push(event);
      return true;
    },
  };
  const startedMs = Date.now();
  const passedMs = (): number => Date.now() - startedMs;
  const driver = new RunDriver(
    {
      // The driver uses these three of a journal.
      journal: journal as Journal,
      activities: {},
      clock: { nowMs: () => START_MS + passedMs() + world.offsetMs, monotonicMs: passedMs },
      logger: undefined,
      abortGraceMs: 1000,
      snapshotEvery: 1000,
      quarantine: new Quarantine(),
      holds: { suspect: async () => true },
      watchChild: async () => null,
      mayStart: () => true,
    },
    {
      runId: 'r',
      hold: { owner: 'me', epoch: 1 },
      startedAtMs: START_MS,
      fresh: history.length === 0,
      lost: false,
      suspects: {},
    },
  );
  return { world, driven: () => driver.drive(MACHINE, { machine: 'timers', version: 1, input: {} }) };
}

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

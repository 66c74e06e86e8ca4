import type { Pool } from 'pg';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Lease } from './lease.ts';

const LEASE_MS = 10_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A lease whose database answers after `answerMs`, or not at all, on a clock of its own. */
async function open() {
  const world = { answerMs: 0, down: false, asleepMs: 0, told: [] as string[] };
  const startedMs = Date.now();
  const nowMs = (): number => Date.now() - startedMs + world.asleepMs;
  // The lease asks the pool for nothing else.
  const pool = {
    query: async () => {
      await new Promise((resolve) => setTimeout(resolve, world.answerMs));
      if (world.down) throw new Error('connection refused');
      return { rows: [], rowCount: 1 };
    },
  } as unknown as Pool;
  const lease = new Lease({
    pool,
    clock: { nowMs: () => 0, monotonicMs: nowMs },
    logger: undefined,
    process: 'p',
    machines: [],
    leaseMs: LEASE_MS,
    onMissed: () => world.told.push(`missed at ${nowMs()}`),
    onRenewed: () => world.told.push('renewed'),
  });
  const opened = lease.open();
  await vi.advanceTimersByTimeAsync(0);
  await opened;
  return { world, lease };
}

test('a lease that is renewed lives on', async () => {
  const { world, lease } = await open();
  await vi.advanceTimersByTimeAsync(10 * LEASE_MS);
  expect(lease.lives).toBe(true);
  expect(new Set(world.told)).toEqual(new Set(['renewed']));
});

test('one that cannot be renewed ends here before it ends in the database, and is told once', async () => {
  const { world, lease } = await open();
  world.down = true;
  await vi.advanceTimersByTimeAsync(LEASE_MS * 0.74);
  expect(lease.lives).toBe(true);
  await vi.advanceTimersByTimeAsync(LEASE_MS * 0.02);
  expect(lease.lives).toBe(false);
  await vi.advanceTimersByTimeAsync(3 * LEASE_MS);
  expect(world.told).toEqual(['renewed', `missed at ${LEASE_MS * 0.75}`]);
  world.down = false;
  await vi.advanceTimersByTimeAsync(LEASE_MS / 5);
  expect(lease.lives).toBe(true);
});

test('an answer that comes late counts from when it was asked for', async () => {
  const { world, lease } = await open();
  world.answerMs = LEASE_MS * 0.7;
  // Asked for at 2 s and answered at 9 s: what was held has been left by then, and 0.5 s of the new one are over.
  await vi.advanceTimersByTimeAsync(LEASE_MS * 0.8);
  expect(world.told).toEqual(['renewed', `missed at ${LEASE_MS * 0.75}`]);
  expect(lease.lives).toBe(false);
  await vi.advanceTimersByTimeAsync(LEASE_MS * 0.1);
  expect(lease.lives).toBe(true);
  world.down = true;
  await vi.advanceTimersByTimeAsync(LEASE_MS * 0.05);
  expect(lease.lives).toBe(false);
});

test('a process that slept through its lease leaves what it held before the next renewal counts', async () => {
  const { world, lease } = await open();
  world.asleepMs = 100 * LEASE_MS;
  expect(lease.lives).toBe(false);
  await vi.advanceTimersByTimeAsync(LEASE_MS / 5 + 10);
  expect(world.told).toEqual(['renewed', expect.stringMatching(/^missed/), 'renewed']);
  expect(lease.lives).toBe(true);
});

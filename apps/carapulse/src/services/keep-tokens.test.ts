import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { keepTokens } from './keep-tokens.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('tokens are written at once, at half of their life, and soon after the clock has jumped either way', async () => {
  let nowMs = 0;
  let written = 0;
  const stop = await keepTokens({
    write: async () => void (written += 1),
    ttlMs: 900_000,
    clock: { nowMs: () => nowMs, monotonicMs: () => 0 },
    onError: () => {},
  });
  const after = async (jumpMs: number): Promise<number> => {
    nowMs += jumpMs;
    await vi.advanceTimersByTimeAsync(1000);
    return written;
  };
  expect(written).toBe(1);
  expect(await after(449_999)).toBe(1);
  expect(await after(1)).toBe(2);
  expect(await after(7_200_000)).toBe(3);
  expect(await after(-7_200_000)).toBe(4);
  expect(await after(0)).toBe(4);
  stop();
  expect(await after(900_000)).toBe(4);
});

test('a failed renewal is told, and tried again at once when the disk takes it', async () => {
  let nowMs = 0;
  const told: unknown[] = [];
  let fails = false;
  let written = 0;
  const stop = await keepTokens({
    write: async () => {
      if (fails) throw new Error('the disk is full');
      written += 1;
    },
    ttlMs: 900_000,
    clock: { nowMs: () => nowMs, monotonicMs: () => 0 },
    onError: (error) => told.push(error),
  });
  fails = true;
  nowMs += 450_000;
  await vi.advanceTimersByTimeAsync(1000);
  fails = false;
  await vi.advanceTimersByTimeAsync(1000);
  stop();
  expect([told.length, written]).toEqual([1, 2]);
});

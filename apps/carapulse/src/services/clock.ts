import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError, type Clock, type Random } from '@carapulse/kernel';

export const SYSTEM_CLOCK: Clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };
export const SYSTEM_RANDOM: Random = { bytes: (length) => randomBytes(length) };

/** Waits. @throws AppError `cancelled` when the signal aborts. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    throw new AppError('cancelled', 'The wait was cancelled.', { cause: error });
  }
}

import type { Clock } from '@carapulse/kernel';

const LOOK_MS = 1000;

/**
 * Writes tokens now and again at half of their life. It looks at the clock instead of waiting: after a jump, or a
 * machine that slept, alerts would be refused until the next renewal. @returns what ends it.
 */
export async function keepTokens(options: {
  readonly write: () => Promise<void>;
  readonly ttlMs: number;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}): Promise<() => void> {
  const { write, ttlMs, clock, onError } = options;
  let writtenMs = clock.nowMs();
  await write();
  const timer = setInterval(() => {
    const nowMs = clock.nowMs();
    if (Math.abs(nowMs - writtenMs) < ttlMs / 2) return;
    const before = writtenMs;
    writtenMs = nowMs;
    write().catch((error: unknown) => {
      writtenMs = before;
      onError(error);
    });
  }, LOOK_MS);
  return () => clearInterval(timer);
}

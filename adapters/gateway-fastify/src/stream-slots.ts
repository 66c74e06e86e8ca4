import { AppError } from '@carapulse/kernel';

/** A stream lasts as long as its run; a rate a minute does not bound how many are open. */
const STREAMS_PER_PRINCIPAL = 32;
const RETRY_AFTER_MS = 5000;

/** How many log streams each principal has open. Owner: the gateway, in memory. Invariant: none has more than the limit. */
export function createStreamSlots(limit: number = STREAMS_PER_PRINCIPAL) {
  const open = new Map<string, number>();
  return {
    /** Takes one. @returns what gives it back. @throws AppError `rate_limited` when the principal has all of its own open. */
    take(principal: string): () => void {
      const used = open.get(principal) ?? 0;
      if (used >= limit) {
        throw new AppError(
          'rate_limited',
          `${principal} follows ${limit} logs already; close one of them first.`,
          { retryable: true, retryAfterMs: RETRY_AFTER_MS },
        );
      }
      open.set(principal, used + 1);
      let held = true;
      return () => {
        if (!held) return;
        held = false;
        const left = (open.get(principal) ?? 1) - 1;
        if (left === 0) open.delete(principal);
        else open.set(principal, left);
      };
    },
  };
}
export type StreamSlots = ReturnType<typeof createStreamSlots>;

import type { Clock } from '@carapulse/kernel';

/** A pass takes moments; one that runs so long hangs. */
const HANGS_AFTER_MS = 60_000;

/** What is known of one loop's passes. */
export interface PassWatch {
  begin(): void;
  /** `cause` says why the pass failed; null when it ended well. */
  end(cause: string | null): void;
  /** Why the loop doesn't do its work now; null when it does. */
  fault(): string | null;
}

export function createPassWatch(name: string, clock: Clock): PassWatch {
  let begunMs: number | null = null;
  let failed: string | null = null;
  return {
    begin: () => {
      begunMs = clock.monotonicMs();
    },
    end: (cause) => {
      begunMs = null;
      failed = cause;
    },
    fault: () => {
      const forMs = begunMs === null ? 0 : clock.monotonicMs() - begunMs;
      if (forMs >= HANGS_AFTER_MS)
        return `${name}: a pass has been running for ${Math.round(forMs / 1000)} s`;
      return failed === null ? null : `${name}: ${failed}`;
    },
  };
}

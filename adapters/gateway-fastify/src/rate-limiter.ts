import { ROLE_RATE_LIMITS } from '@carapulse/governance';
import { AppError, type Actor, type Clock, type Role } from '@carapulse/kernel';

const WINDOW_MS = 60_000;
const MAX_PRINCIPALS = 10_000;
const STRENGTH: readonly Role[] = ['admin', 'operator', 'developer', 'observer', 'anonymous'];

export interface RateState {
  readonly limit: number;
  readonly remaining: number;
  readonly resetMs: number;
}

/**
 * Fixed one-minute windows per principal, by its strongest role. Owner: the gateway, in memory. Invariants: a principal
 * never passes more than its limit in a window; memory is bounded by dropping windows that have ended, and then the oldest.
 */
export function createRateLimiter(clock: Clock, limits: Readonly<Record<Role, number>> = ROLE_RATE_LIMITS) {
  const windows = new Map<string, { startMs: number; used: number }>();
  return {
    /** Counts one request. @throws AppError `rate_limited` with how long to wait. */
    take(principal: string, roles: Actor['roles']): RateState {
      const role = STRENGTH.find((each) => roles.includes(each)) ?? 'anonymous';
      const limit = limits[role];
      const nowMs = clock.monotonicMs();
      let window = windows.get(principal);
      if (window === undefined || nowMs - window.startMs >= WINDOW_MS) {
        windows.delete(principal);
        if (windows.size >= MAX_PRINCIPALS) prune(windows, nowMs);
        window = { startMs: nowMs, used: 0 };
        windows.set(principal, window);
      }
      const resetMs = WINDOW_MS - (nowMs - window.startMs);
      if (window.used >= limit) {
        throw new AppError(
          'rate_limited',
          `${principal} may ask ${limit} times a minute as ${role}; wait ${Math.ceil(resetMs / 1000)} s.`,
          {
            retryable: true,
            retryAfterMs: resetMs,
          },
        );
      }
      window.used += 1;
      return { limit, remaining: limit - window.used, resetMs };
    },
  };
}

function prune(windows: Map<string, { startMs: number; used: number }>, nowMs: number): void {
  for (const [principal, window] of windows) {
    if (nowMs - window.startMs >= WINDOW_MS) windows.delete(principal);
  }
  const oldest = windows.keys().next();
  if (windows.size >= MAX_PRINCIPALS && !oldest.done) windows.delete(oldest.value);
}

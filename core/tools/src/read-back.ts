import { toAppError, type AppError } from '@carapulse/kernel';
import type { RouterDeps } from './router-deps.ts';
import type { ToolSession } from './tool-session.ts';

/** How long a write that was ended may be read back before its outcome counts as unknown. */
const AFTERMATH_MS = 15_000;
/** How long it is tried again before a person is asked instead; one reading may take the write's time. */
const AGAIN_MS = 15_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5000;

interface Limits {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** A write as far as reading it back goes; `signal` aborts with its caller or with a halt. */
export interface WrittenCall extends Limits {
  readonly open: (limits: Limits) => ToolSession;
}

/**
 * Reads what a write has left. What could not be read because something was away is tried again, for 15 s and in the
 * write's time; a write that is ended, before or meanwhile, is read back all the same, for 15 s at the most.
 * @param read asks the target; each time it gets a session that ends with the time that is left.
 * @throws AppError of the last reading.
 */
export async function readBack<T>(
  ports: Pick<RouterDeps, 'clock' | 'sleep'>,
  { open, timeoutMs, signal }: WrittenCall,
  read: (session: ToolSession) => Promise<T>,
): Promise<T> {
  if (!signal.aborted) {
    try {
      return await readWithin(ports, { timeoutMs, signal }, (limits) => read(open(limits)));
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
  const limits = { timeoutMs: Math.min(timeoutMs, AFTERMATH_MS), signal: new AbortController().signal };
  return readWithin(ports, limits, (within) => read(open(within)));
}

async function readWithin<T>(
  { clock, sleep }: Pick<RouterDeps, 'clock' | 'sleep'>,
  { timeoutMs, signal }: Limits,
  read: (limits: Limits) => Promise<T>,
): Promise<T> {
  const endMs = clock.monotonicMs() + timeoutMs;
  const againUntilMs = Math.min(endMs, clock.monotonicMs() + AGAIN_MS);
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      return await read({ timeoutMs: Math.ceil(endMs - clock.monotonicMs()), signal });
    } catch (error) {
      const failed = toAppError(error);
      const waitMs = Math.max(pauseMs, failed.retryAfterMs ?? 0);
      if (!mayPass(failed) || clock.monotonicMs() + waitMs >= againUntilMs) throw failed;
      await sleep(waitMs, signal).catch(() => {});
      if (signal.aborted || clock.monotonicMs() >= againUntilMs) throw failed;
    }
  }
}

/** A supervisor that was killed says so without `retryable`, which is about effects. */
function mayPass({ code, retryable }: AppError): boolean {
  return retryable || code === 'sandbox_unavailable';
}

import { AppError } from '@carapulse/kernel';
import { STORE_AWAY } from '../ports/index.ts';
import type { Services } from '../services.ts';

const LOOK_MS = 250;

/**
 * Carries an activity out; one that broke off because our own store went away is carried out again once it is back, so
 * that no outage of ours is taken for an answer of the world. Activities are safe to repeat. When its time is over
 * before that, or it is cancelled, it fails as it did.
 */
export async function onceStoreAnswers<T>(
  { store, sleep, logger }: Pick<Services, 'store' | 'sleep' | 'logger'>,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isStoreAway(error) || signal.aborted) throw error;
      logger.warn('the store went away under an activity, which is carried out again once it is back', {
        cause: String(error),
      });
      while (!(await answers(store, signal)))
        await sleep(LOOK_MS, signal).catch(() => {
          throw error;
        });
    }
  }
}

/** Whether our own store's absence lies beneath a failure. */
export function isStoreAway(error: unknown): boolean {
  if (error instanceof AppError && error.details['reason'] === STORE_AWAY) return true;
  return error instanceof Error && error.cause !== undefined && isStoreAway(error.cause);
}

async function answers(store: Services['store'], signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  return store.ping(signal).then(
    () => true,
    () => false,
  );
}

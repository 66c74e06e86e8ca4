import { AppError, toAppError } from '@carapulse/kernel';
import { z } from 'zod';

/**
 * What comes before the effect of a write: however it fails, nothing was written (`effect: 'none'`).
 * @param who answers, for a message about an answer of another shape than known.
 */
export async function beforeEffect<T>(who: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const failed =
      error instanceof z.ZodError
        ? new AppError(
            'tool_failed',
            `${who} answered in another shape than known: ${error.message.slice(0, 300)}`,
          )
        : toAppError(error, 'tool_failed');
    throw new AppError(failed.code, failed.message, {
      cause: error,
      retryable: failed.retryable,
      ...(failed.retryAfterMs === undefined ? {} : { retryAfterMs: failed.retryAfterMs }),
      details: { ...failed.details, effect: 'none' },
    });
  }
}

/** The world is not as the plan says. Thrown before anything is written. */
export function stale(reason: string, message: string): AppError {
  return new AppError('plan_stale', `${message} Make a new plan.`, {
    details: { class: 'conflict', effect: 'none', reason },
  });
}

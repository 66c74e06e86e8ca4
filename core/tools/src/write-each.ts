import { toAppError, AppError } from '@carapulse/kernel';

/** Writes one after the other; once the first is done, a failure no longer says that nothing happened. */
export async function writeEach<T>(items: readonly T[], write: (item: T) => Promise<void>): Promise<void> {
  let written = 0;
  for (const item of items) {
    try {
      await write(item);
      written += 1;
    } catch (error) {
      throw written === 0 ? error : withoutEffectClaim(error);
    }
  }
}

function withoutEffectClaim(error: unknown): AppError {
  const failed = toAppError(error, 'tool_failed');
  const { effect: _, ...details } = failed.details;
  return new AppError(failed.code, failed.message, {
    cause: error,
    retryable: failed.retryable,
    ...(failed.retryAfterMs === undefined ? {} : { retryAfterMs: failed.retryAfterMs }),
    details,
  });
}

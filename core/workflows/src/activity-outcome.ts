import { AppError } from '@carapulse/kernel';
import type { ErrorClass } from '@carapulse/plan';
import type { ActivityOutcome } from './durable-engine.ts';

/**
 * The failed outcome of whatever an activity threw. `outcome_unknown`, and anything that is not an AppError, may have
 * had an effect, so its class is `unknown`; a retryable AppError is transient, throttled or in conflict; any other is
 * permanent.
 */
export function toActivityOutcome(error: unknown): Extract<ActivityOutcome, { kind: 'failed' }> {
  if (!(error instanceof AppError)) {
    const message = error instanceof Error ? error.message : String(error);
    return { kind: 'failed', code: 'internal', message, errorClass: 'unknown', retryAfterMs: null };
  }
  return {
    kind: 'failed',
    code: error.code,
    message: error.message,
    errorClass: errorClassOf(error),
    retryAfterMs: error.retryAfterMs ?? null,
  };
}

function errorClassOf(error: AppError): ErrorClass | 'unknown' {
  if (error.code === 'outcome_unknown') return 'unknown';
  if (error.code === 'rate_limited') return 'throttled';
  if (error.code === 'conflict') return 'conflict';
  return error.retryable ? 'transient' : 'permanent';
}

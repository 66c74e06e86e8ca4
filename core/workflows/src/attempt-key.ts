import type { Direction } from './activities.ts';

/** The idempotency key of one attempt: `execution/step/attempt`, or `execution/step/rollback/attempt`. */
export function attemptKey(
  executionId: string,
  stepId: string,
  direction: Direction,
  attempt: number,
): string {
  return direction === 'forward'
    ? `${executionId}/${stepId}/${attempt}`
    : `${executionId}/${stepId}/rollback/${attempt}`;
}

import { AppError } from '@carapulse/kernel';
import { z } from 'zod';

/** Where a plan is in its life. `PLAN_TRANSITIONS` is the whole state machine. */
export const PlanStatus = z.enum([
  'policy_denied',
  'awaiting_approval',
  'held',
  'approved',
  'denied',
  'expired',
  'stale',
  'cancelled',
  'executing',
  'succeeded',
  'succeeded_with_skips',
  'failed',
  'rolled_back',
  'parked',
]);
export type PlanStatus = z.infer<typeof PlanStatus>;

/**
 * `succeeded_with_skips`: a person declared something done that had not run or could not be verified.
 * `held`: its reason went away before dispatch (alert resolved, checks no longer failing); a person may cancel it or
 * release it back to where approvals are counted. `parked`: a person must decide, nothing moves by itself.
 */
export const PLAN_TRANSITIONS: Readonly<Record<PlanStatus, readonly PlanStatus[]>> = {
  policy_denied: [],
  awaiting_approval: ['approved', 'denied', 'expired', 'stale', 'held', 'cancelled'],
  held: ['awaiting_approval', 'approved', 'expired', 'stale', 'cancelled'],
  approved: ['executing', 'held', 'expired', 'stale', 'denied', 'cancelled'],
  denied: [],
  expired: [],
  stale: [],
  cancelled: [],
  executing: [
    'succeeded',
    'succeeded_with_skips',
    'failed',
    'rolled_back',
    'parked',
    'cancelled',
    'held',
    'stale',
    'expired',
  ],
  succeeded: [],
  succeeded_with_skips: [],
  failed: [],
  rolled_back: [],
  parked: ['executing', 'succeeded', 'succeeded_with_skips', 'failed', 'rolled_back', 'cancelled'],
};

/** Status of one execution of an approved plan. `paused` and `taken_over`: a person's hand is on it. */
export const ExecutionStatus = z.enum([
  'queued',
  'running',
  'rolling_back',
  'succeeded',
  'succeeded_with_skips',
  'failed',
  'rolled_back',
  'parked',
  'paused',
  'taken_over',
  'cancelled',
  'held',
]);
export type ExecutionStatus = z.infer<typeof ExecutionStatus>;

export const EXECUTION_TRANSITIONS: Readonly<Record<ExecutionStatus, readonly ExecutionStatus[]>> = {
  queued: ['running', 'cancelled', 'held', 'failed', 'parked'],
  running: [
    'rolling_back',
    'succeeded',
    'succeeded_with_skips',
    'failed',
    'parked',
    'paused',
    'taken_over',
    'cancelled',
    'held',
  ],
  rolling_back: ['rolled_back', 'cancelled', 'failed', 'parked', 'paused', 'taken_over'],
  succeeded: [],
  succeeded_with_skips: [],
  failed: [],
  rolled_back: [],
  parked: [
    'running',
    'rolling_back',
    'succeeded',
    'failed',
    'rolled_back',
    'paused',
    'taken_over',
    'cancelled',
  ],
  paused: ['running', 'rolling_back', 'parked', 'taken_over'],
  taken_over: [
    'running',
    'rolling_back',
    'parked',
    'paused',
    'succeeded_with_skips',
    'failed',
    'rolled_back',
  ],
  cancelled: [],
  held: [],
};

/** Status of one step of an execution. */
export const StepStatus = z.enum([
  'pending',
  'running',
  'succeeded',
  'failed',
  'skipped',
  'rolling_back',
  'rolled_back',
  'outcome_unknown',
]);
export type StepStatus = z.infer<typeof StepStatus>;

/** @throws AppError `forbidden_transition` naming both ends and what is allowed. */
export function assertPlanTransition(from: PlanStatus, to: PlanStatus): void {
  assertTransition('plan', PLAN_TRANSITIONS, from, to);
}

/** @throws AppError `forbidden_transition` naming both ends and what is allowed. */
export function assertExecutionTransition(from: ExecutionStatus, to: ExecutionStatus): void {
  assertTransition('execution', EXECUTION_TRANSITIONS, from, to);
}

function assertTransition<S extends string>(
  what: string,
  table: Readonly<Record<S, readonly S[]>>,
  from: S,
  to: S,
): void {
  if (table[from].includes(to)) return;
  const allowed = table[from].length === 0 ? 'nothing: it has ended' : table[from].join(', ');
  throw new AppError(
    'forbidden_transition',
    `A ${what} that is ${from} cannot become ${to}; it can become ${allowed}.`,
    {
      details: { from, to },
    },
  );
}

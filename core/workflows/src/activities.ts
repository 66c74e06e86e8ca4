import { JsonObject } from '@carapulse/kernel';
import { ExecutionStatus, StepStatus } from '@carapulse/plan';
import { z } from 'zod';
import { CHECK_VERDICTS, type CheckOutput, type StepOutput } from './heard.ts';
import { Skipped, Steering } from './steering.ts';

const outputs = z.record(z.string(), JsonObject);
const id = z.string().min(1).max(200);
const instant = z.int().nonnegative();

/** When a check is asked: before the first write, before a step's write, after it, at the end, after an undo. */
export const CheckPhase = z.enum(['before', 'precondition', 'verify', 'after', 'verify_rollback']);
export type CheckPhase = z.infer<typeof CheckPhase>;

export const Direction = z.enum(['forward', 'rollback']);
export type Direction = z.infer<typeof Direction>;

/** Takes the leases, checks once more that the plan may start, and marks it as executing. */
export const BeginInput = z.strictObject({ execution_id: id });
export type BeginInput = z.infer<typeof BeginInput>;

/**
 * Samples one check of the stored plan. `step_id` names the step whose list holds it, null for the plan's own.
 * `outputs` holds what the steps that it binds to gave back.
 */
export const CheckInput = z.strictObject({
  execution_id: id,
  check_id: id,
  phase: CheckPhase,
  step_id: id.nullable(),
  /** Samples count only when they are newer than this instant. */
  newer_than_ms: instant.nullable(),
  outputs,
});
export type CheckInput = z.infer<typeof CheckInput>;

/**
 * Makes one attempt at a step or its undo. Its idempotency key is `attemptKey`, the same however often the engine
 * runs the activity again, so a repeat after a crash or a halt is known as one.
 */
export const StepInput = z.strictObject({
  execution_id: id,
  step_id: id,
  direction: Direction,
  attempt: z.int().positive(),
  outputs,
});
export type StepInput = z.infer<typeof StepInput>;

/**
 * A change that people see. `halted` waits for `resume`, `parked` for a person's decision: it pages. `paused` and
 * `taken_over` are a person's hand on the run.
 */
export const TransitionInput = z.strictObject({
  execution_id: id,
  status: z.enum(['running', 'rolling_back', 'parked', 'halted', 'paused', 'taken_over']),
  reason: z.string().max(4000),
  /** Absent in histories from before runs could be steered. */
  steering: Steering.optional(),
});
export type TransitionInput = z.infer<typeof TransitionInput>;

export const RunCause = z.enum([
  'step_failed',
  'check_failed',
  'already_recovered',
  'cancelled',
  'revoked',
  'max_run',
  'by_hand',
]);
export type RunCause = z.infer<typeof RunCause>;

/** How a run ended. `code` is that of the failure behind it, where there was one. */
export const RunResult = z.strictObject({
  status: ExecutionStatus,
  cause: RunCause.nullable(),
  code: z.string().nullable(),
  reason: z.string().max(4000),
  steps: z.array(
    z.strictObject({
      step_id: id,
      status: StepStatus,
      attempts: z.int().nonnegative(),
      rollback_attempts: z.int().nonnegative(),
      evidence_id: z.string().nullable(),
      reason: z.string().max(2000),
    }),
  ),
  checks: z.array(
    z.strictObject({
      check_id: id,
      phase: CheckPhase,
      step_id: id.nullable(),
      verdict: z.enum(CHECK_VERDICTS),
      reason: z.string().max(2000),
    }),
  ),
  /** Absent when nothing was skipped. */
  skipped: z.array(Skipped).optional(),
});
export type RunResult = z.infer<typeof RunResult>;

/** Records the end: statuses, leases given back, receipt. */
export const FinishInput = z.strictObject({ execution_id: id, result: RunResult });
export type FinishInput = z.infer<typeof FinishInput>;

/**
 * What the handler of each activity takes and gives. Closed: an interpreter asks for nothing else. `epoch` is that of
 * the run's hold (`ActivityContext`); whatever a handler writes is checked against it.
 */
export interface PlanActivities {
  begin(input: BeginInput, signal: AbortSignal, epoch: number): Promise<void>;
  check(input: CheckInput, signal: AbortSignal, epoch: number): Promise<CheckOutput>;
  step(input: StepInput, signal: AbortSignal, epoch: number): Promise<StepOutput>;
  transition(input: TransitionInput, signal: AbortSignal, epoch: number): Promise<void>;
  finish(input: FinishInput, signal: AbortSignal, epoch: number): Promise<void>;
}

/**
 * Signals of a plan's run. `resume` goes on after a halt and samples inconclusive checks again; `resolve_unknown`
 * (payload `ResolveUnknown`) is a person's word on a step or an undo whose end nobody else can tell. The others steer:
 * their payloads stand in `steering.ts`.
 */
export const RUN_SIGNALS = [
  'cancel',
  'revoke',
  'resume',
  'resolve_unknown',
  'pause',
  'retry',
  'skip',
  'takeover',
  'handback',
  'finish_by_hand',
] as const;
export type RunSignal = (typeof RUN_SIGNALS)[number];

/** Names of the activities of a plan's run. */
export const PLAN_ACTIVITIES = [
  'begin',
  'check',
  'step',
  'transition',
  'finish',
] as const satisfies readonly (keyof PlanActivities)[];

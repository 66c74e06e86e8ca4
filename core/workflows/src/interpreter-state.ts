import type { JsonObject } from '@carapulse/kernel';
import { sourcesOf, type Plan } from '@carapulse/plan';
import type { CheckPhase, Direction, RunCause, RunResult, TransitionInput } from './activities.ts';
import type { SaidOfEnd } from './heard.ts';
import type { Hold, Skipped } from './steering.ts';

/**
 * Where a step is. `retry` and `pending` wait to be started; `parked` waits on an inconclusive check; `halted` and
 * `unknown` wait for a signal. While a person holds the run, `ready` waits to be attempted and `unverified` for its checks;
 * `waived` is done by a person's word.
 */
export type StepPhase =
  | 'pending'
  | 'preconditions'
  | 'running'
  | 'backoff'
  | 'retry'
  | 'verifying'
  | 'parked'
  | 'halted'
  | 'unknown'
  | 'done'
  | 'failed'
  | 'skipped'
  | 'ready'
  | 'unverified'
  | 'waived';

export type UndoPhase =
  | 'none'
  | 'ready'
  | 'running'
  | 'backoff'
  | 'verifying'
  | 'blocked'
  | 'unverified'
  | 'done'
  | 'skipped';

export interface StepState {
  readonly phase: StepPhase;
  readonly attempt: number;
  /** Times that the current attempt was asked for again after a halt. */
  readonly resumed: number;
  readonly undo: UndoPhase;
  readonly undoAttempt: number;
  readonly undoResumed: number;
  /** A person asked for one more attempt, which is made even while the run is paused. */
  readonly ordered: boolean;
  readonly evidenceId: string | null;
  readonly effectAtMs: number | null;
  readonly reason: string;
}

/** What an outstanding key stands for. */
export type Task =
  | { readonly kind: 'begin' }
  | { readonly kind: 'check'; readonly round: string; readonly checkId: string }
  | { readonly kind: 'step'; readonly stepId: string; readonly direction: Direction }
  | {
      readonly kind: 'notice';
      readonly status: TransitionInput['status'];
      readonly reason: string;
      readonly attempt: number;
    }
  | { readonly kind: 'finish'; readonly attempt: number }
  | { readonly kind: 'backoff'; readonly stepId: string; readonly direction: Direction }
  | { readonly kind: 'again'; readonly task: Extract<Task, { kind: 'begin' | 'notice' | 'finish' }> }
  | { readonly kind: 'max_run' };

/** Checks of one list asked together; judged when the last has answered. */
export interface Round {
  readonly phase: CheckPhase;
  readonly stepId: string | null;
  readonly open: number;
  readonly passed: readonly string[];
  readonly failed: readonly string[];
  readonly inconclusive: readonly string[];
}

/** What only a signal can take away. While there is one, nothing starts. */
export interface Blocker {
  readonly kind:
    | 'halted'
    | 'inconclusive'
    | 'unknown'
    | 'rollback_failed'
    | 'rollback_impossible'
    | 'rollback_unverified';
  /** The check phase that is inconclusive; null for the rest. */
  readonly phase: CheckPhase | null;
  readonly stepId: string | null;
  readonly direction: Direction;
  readonly reason: string;
}

export interface Stop {
  readonly cause: RunCause;
  readonly code: string | null;
  readonly reason: string;
}

/** A failure whose consequence waits while a person holds the run. */
export interface Withheld {
  readonly stepId: string | null;
  readonly stop: Stop;
}

/** All that a run of a plan remembers. Plain JSON. */
export interface RunState {
  readonly runId: string;
  readonly executionId: string;
  readonly plan: Plan;
  readonly phase: 'begin' | 'before' | 'forward' | 'after' | 'finish' | 'ended';
  readonly beginAttempt: number;
  readonly steps: Readonly<Record<string, StepState>>;
  readonly tasks: Readonly<Record<string, Task>>;
  readonly rounds: Readonly<Record<string, Round>>;
  readonly blockers: readonly Blocker[];
  /** Why forward steps stopped; set once. */
  readonly stop: Stop | null;
  readonly shown: TransitionInput['status'];
  /** Completed writes, in the order of their completion. */
  readonly written: readonly string[];
  /** Writes to undo, in order; null until compensation has begun. */
  readonly undoing: readonly string[] | null;
  readonly lastWriteAtMs: number | null;
  /** The maximum run time passed while the run was parked. */
  readonly overdue: boolean;
  /** Steps whose output some binding or bound uses. */
  readonly bound: readonly string[];
  /** Outputs of those. */
  readonly outputs: Readonly<Record<string, JsonObject>>;
  readonly checks: RunResult['checks'];
  readonly counter: number;
  readonly result: RunResult | null;
  /** True for runs that tell people of each change while they are parked; older ones do only when the status changes. */
  readonly telling: boolean;
  /** What people were last told, canonical. */
  readonly told: string;
  readonly hold: Hold | null;
  readonly withheld: readonly Withheld[];
  readonly skipped: readonly Skipped[];
  readonly byHand: SaidOfEnd | null;
  readonly deadlineMs: number | null;
}

const NEW_STEP: StepState = {
  phase: 'pending',
  attempt: 0,
  resumed: 0,
  undo: 'none',
  undoAttempt: 0,
  undoResumed: 0,
  ordered: false,
  evidenceId: null,
  effectAtMs: null,
  reason: '',
};

export function initialState(runId: string, executionId: string, plan: Plan, telling: boolean): RunState {
  return {
    runId,
    executionId,
    plan,
    phase: 'begin',
    beginAttempt: 0,
    steps: Object.fromEntries(plan.steps.map((step) => [step.step_id, NEW_STEP])),
    tasks: {},
    rounds: {},
    blockers: [],
    stop: null,
    shown: 'running',
    written: [],
    undoing: null,
    lastWriteAtMs: null,
    overdue: false,
    bound: boundSteps(plan),
    outputs: {},
    checks: [],
    counter: 0,
    result: null,
    telling,
    told: '',
    hold: null,
    withheld: [],
    skipped: [],
    byHand: null,
    deadlineMs: null,
  };
}

function boundSteps(plan: Plan): readonly string[] {
  const checks = [
    ...plan.checks,
    ...plan.steps.flatMap(({ preconditions, verify, rollback }) => [
      ...preconditions,
      ...verify,
      ...(rollback.kind === 'call' ? rollback.verify : []),
    ]),
  ];
  const calls = plan.steps.flatMap(({ call, rollback }) => [
    call,
    ...(rollback.kind === 'call' ? [rollback.call] : []),
  ]);
  const bound = calls.flatMap((call) => call.bindings.map((binding) => binding.from_step));
  return [...new Set([...checks.flatMap(sourcesOf), ...bound])];
}

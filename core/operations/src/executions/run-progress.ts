import { toTimestamp } from '@carapulse/kernel';
import type { Plan, Step } from '@carapulse/plan';
import type { Steering } from '@carapulse/workflows';
import type { CheckRecord, ExecutionRecord, StepRecord } from '../ports/index.ts';

/** What a step that does not run waits for. Leases and approvals are refused at a start, never waited for. */
export type WaitsFor =
  | { readonly kind: 'timer'; readonly until: string }
  | { readonly kind: 'steps'; readonly step_ids: readonly string[] }
  | { readonly kind: 'person'; readonly what: string }
  | { readonly kind: 'run'; readonly what: string };

export type StepState =
  | 'waiting'
  | 'running'
  | 'verifying'
  | 'done'
  | 'failed'
  | 'skipped'
  | 'undone'
  | 'unknown';

export interface StepProgress {
  readonly step_id: string;
  readonly state: StepState;
  readonly attempt: number;
  readonly waits_for: WaitsFor | null;
  /** Null where `retry` or `skip` may be asked for, else why not. */
  readonly retry: string | null;
  readonly skip: string | null;
}

/** Where a run is, made of what is stored about it. */
export interface RunProgress {
  readonly held: Steering['held'];
  readonly undecided: Steering['undecided'];
  readonly skippable_checks: readonly string[];
  readonly skipped: Steering['skipped'];
  /** When the maximum run time is over; null where it does not count: before the start, on the way back, at the end. */
  readonly deadline_at: string | null;
  readonly counts: Readonly<Record<StepState, number>>;
  readonly steps: readonly StepProgress[];
}

interface Known {
  readonly plan: Plan;
  readonly execution: ExecutionRecord;
  readonly rows: readonly StepRecord[];
  readonly checks: readonly CheckRecord[];
  readonly nowMs: number;
}

export function runProgress(known: Known): RunProgress {
  const { plan, execution } = known;
  const { steering } = execution;
  const steps = plan.steps.map((step) => stepProgress(known, step));
  const counts = {
    waiting: 0,
    running: 0,
    verifying: 0,
    done: 0,
    failed: 0,
    skipped: 0,
    undone: 0,
    unknown: 0,
  };
  for (const { state } of steps) counts[state] += 1;
  const open = execution.ended_at === null;
  return {
    held: steering?.held ?? null,
    undecided: open ? (steering?.undecided ?? []) : [],
    skippable_checks: open ? (steering?.skippable_checks ?? []) : [],
    skipped: steering?.skipped ?? [],
    deadline_at: deadlineAt(known),
    counts,
    steps,
  };
}

function deadlineAt({ plan, execution }: Known): string | null {
  const { started_at: startedAt, ended_at: endedAt, status, steering } = execution;
  if (startedAt === null || endedAt !== null || status === 'rolling_back' || steering?.stopping === true)
    return null;
  const deadlineMs = steering?.deadline_ms ?? Date.parse(startedAt) + plan.max_run_ms;
  return toTimestamp(deadlineMs);
}

function stepProgress(known: Known, step: Step): StepProgress {
  const { execution, rows } = known;
  const row = rows.find((each) => each.step_id === step.step_id);
  const state = stateOf(known, step, row);
  const told = execution.steering?.steps.find((each) => each.step_id === step.step_id);
  const ended = execution.ended_at !== null;
  const waits =
    execution.status === 'paused' || execution.status === 'parked' || execution.status === 'taken_over';
  const no = ended
    ? 'the run has ended'
    : 'the run is neither paused nor parked; `assistantctl exec pause` it first';
  return {
    step_id: step.step_id,
    state,
    attempt: row?.attempts ?? 0,
    waits_for: ended ? null : waitsFor(known, step, row, state),
    retry: waits && told !== undefined && !ended ? told.retry : no,
    skip: waits && told !== undefined && !ended ? told.skip : no,
  };
}

function stateOf({ execution, checks }: Known, step: Step, row: StepRecord | undefined): StepState {
  switch (row?.status) {
    case undefined:
    case 'pending':
      return 'waiting';
    case 'running':
    case 'rolling_back':
      return 'running';
    case 'succeeded': {
      const since = row?.ended_at ?? '';
      const asked = checks.filter(
        (check) => check.step_id === step.step_id && check.phase === 'after' && check.at >= since,
      );
      const open = execution.ended_at === null && asked.length < step.verify.length;
      return open && execution.status === 'running' ? 'verifying' : 'done';
    }
    case 'failed':
      return 'failed';
    case 'skipped':
      return 'skipped';
    case 'rolled_back':
      return 'undone';
    case 'outcome_unknown':
      return 'unknown';
  }
}

function waitsFor(
  { plan, execution, rows, nowMs }: Known,
  step: Step,
  row: StepRecord | undefined,
  state: StepState,
): WaitsFor | null {
  const { status, status_reason: reason } = execution;
  if (state === 'unknown') return { kind: 'person', what: 'a word on what became of it: `exec resolve`' };
  if (state !== 'waiting' && state !== 'failed') return null;
  const { retry_at: retryAt = null } = row ?? {};
  if (state === 'failed' && retryAt !== null && Date.parse(retryAt) > nowMs)
    return { kind: 'timer', until: retryAt };
  if (status === 'paused' || status === 'taken_over' || status === 'parked') {
    return { kind: 'person', what: reason.split('\n')[0] ?? status };
  }
  if (state === 'failed' || status === 'rolling_back') return null;
  if (status === 'queued') return { kind: 'run', what: 'its dispatch' };
  const done = (id: string): boolean =>
    rows.some((each) => each.step_id === id && (each.status === 'succeeded' || each.status === 'skipped'));
  const open =
    plan.steps.find((each) => each.step_id === step.step_id)?.depends_on.filter((id) => !done(id)) ?? [];
  if (open.length > 0) return { kind: 'steps', step_ids: open };
  return { kind: 'run', what: reason === '' ? 'checks before it' : reason };
}

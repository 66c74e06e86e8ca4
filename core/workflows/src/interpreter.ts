/**
 * Owner: one run of a plan. Boundary: commands out, events in; no clock, no store, no tool.
 * Invariants (cited by the tests):
 * 1. No write starts before every `must_fail_before` check was seen failing.
 * 2. A step starts only when all that it depends on is done and verified.
 * 3. Once stopped, no forward step starts; what is under way answers before compensation begins.
 * 4. Compensation undoes completed writes one at a time, last completed first; `none` is skipped.
 * 5. While something blocks (halt, unknown effect, inconclusive check), no write starts in either direction.
 * 6. An attempt keeps its idempotency key however often it is asked for again.
 * 7. While a person holds the run, nothing starts but the one attempt that they ask for, and no failure has a consequence.
 */
import { canonicalJson } from '@carapulse/kernel';
import type { TransitionInput } from './activities.ts';
import type { ActivityOutcome, Machine, RunEvent, Transition } from './durable-engine.ts';
import { readRunInput } from './heard.ts';
import { askRound, hearCheck } from './interpreter-checks.ts';
import { Draft } from './interpreter-draft.ts';
import { askFinish, finish, finishByHand, resultJson } from './interpreter-finish.ts';
import {
  askBefore,
  hearStep,
  isDone,
  judgeAfter,
  judgeBefore,
  judgePreconditions,
  judgeVerify,
  startReady,
} from './interpreter-forward.ts';
import { hearUndo, judgeUndo, needsUndo, undoNext } from './interpreter-rollback.ts';
import { maxRunStop } from './interpreter-overtaken.ts';
import { hearSignal } from './interpreter-signals.ts';
import type { Round, RunState, Task } from './interpreter-state.ts';
import { initialState } from './interpreter-state.ts';
import { release, startOrdered } from './interpreter-steering.ts';
import { shownReason, steeringOf } from './interpreter-report.ts';

const CONTROL_TIMEOUT_MS = 120_000;
const BEGIN_ATTEMPTS = 5;
const NOTICE_ATTEMPTS = 3;
const FINISH_ATTEMPTS = 10;

/** Runs a plan, by docs/workflows.md. Its result is a `RunResult`. */
export const planMachine: Machine<RunState> = {
  name: 'plan',
  version: 1,
  start(input, runId, atMs) {
    const { execution_id: executionId, plan, telling } = readRunInput(input);
    const draft = new Draft(initialState(runId, executionId, plan, telling === true), atMs);
    advance(draft);
    return transition(draft);
  },
  react(state, event) {
    const draft = new Draft(state, event.atMs);
    if (state.phase !== 'ended') {
      hear(draft, event);
      advance(draft);
    }
    return transition(draft);
  },
};

function transition(draft: Draft): Transition<RunState> {
  const { state, commands } = draft;
  if (state.phase !== 'ended' || state.result === null) return { state, commands };
  return { state, commands, result: resultJson(state.result) };
}

function hear(draft: Draft, event: RunEvent): void {
  if (event.kind === 'signal') return hearSignal(draft, event.name, event.payload);
  const task = draft.takeTask(event.key);
  // A plan starts no child.
  if (task === undefined || event.kind === 'child') return undefined;
  return event.kind === 'timer' ? hearTimer(draft, task) : hearActivity(draft, task, event.outcome);
}

function hearTimer(draft: Draft, task: Task): void {
  if (task.kind === 'again') return ask(draft, task.task);
  if (task.kind === 'max_run') {
    const { blockers, hold } = draft.state;
    draft.state.deadlineMs = null;
    if (blockers.length > 0 || hold?.kind === 'taken_over') draft.state.overdue = true;
    else {
      release(draft);
      draft.stop(maxRunStop(draft));
    }
    return undefined;
  }
  if (task.kind !== 'backoff') return undefined;
  const step = draft.step(task.stepId);
  if (task.direction === 'forward') {
    return draft.patch(task.stepId, { phase: 'retry', attempt: step.attempt + 1, resumed: 0 });
  }
  return draft.patch(task.stepId, { undo: 'ready', undoAttempt: step.undoAttempt + 1, undoResumed: 0 });
}

function hearActivity(draft: Draft, task: Task, outcome: ActivityOutcome): void {
  switch (task.kind) {
    case 'begin':
      return hearBegin(draft, outcome);
    case 'check': {
      const round = hearCheck(draft, task, outcome);
      return round === null ? undefined : judge(draft, round);
    }
    case 'step':
      return task.direction === 'forward'
        ? hearStep(draft, task.stepId, outcome)
        : hearUndo(draft, task.stepId, outcome);
    case 'notice':
      if (outcome.kind === 'failed' && task.attempt < NOTICE_ATTEMPTS) return askAgain(draft, task);
      draft.state.shown = task.status;
      return undefined;
    case 'finish':
      if (outcome.kind === 'failed' && task.attempt < FINISH_ATTEMPTS) return askAgain(draft, task);
      draft.state.phase = 'ended';
      return undefined;
    default:
      return undefined;
  }
}

function hearBegin(draft: Draft, outcome: ActivityOutcome): void {
  const { state } = draft;
  if (outcome.kind === 'ok') {
    state.phase = 'before';
    if (state.stop === null) {
      draft.timer(`${state.runId}/max-run`, state.plan.max_run_ms, { kind: 'max_run' });
      state.deadlineMs = draft.nowMs + state.plan.max_run_ms;
    }
    return undefined;
  }
  if (outcome.code === 'halted' && state.stop === null) {
    return draft.block({ kind: 'halted', stepId: null, reason: outcome.message.slice(0, 2000) });
  }
  if (outcome.errorClass === 'transient' && state.beginAttempt < BEGIN_ATTEMPTS) {
    return askAgain(draft, { kind: 'begin' });
  }
  return draft.stop({
    cause: 'step_failed',
    code: outcome.code,
    reason: `The run could not begin: ${outcome.message}`,
  });
}

function judge(draft: Draft, round: Round): void {
  const { phase, stepId } = round;
  if (phase === 'before') return judgeBefore(draft);
  if (phase === 'after' || stepId === null) return judgeAfter(draft, round);
  if (phase === 'precondition') return judgePreconditions(draft, round, stepId);
  if (phase === 'verify') return judgeVerify(draft, round, stepId);
  return judgeUndo(draft, round, stepId);
}

/** Asks for whatever the state now calls for. The one place where something new begins. */
function advance(draft: Draft): void {
  const { state } = draft;
  if (state.phase === 'ended' || state.phase === 'finish' || awaitsNotice(draft)) return;
  if (state.byHand !== null && !draft.busy()) {
    // People see it taken over before it ends: no other way leads from a hand on the run to an end.
    if (state.shown === 'taken_over') return finishByHand(draft);
    return tell(draft, 'taken_over');
  }
  if (state.hold !== null && state.phase !== 'begin') {
    startOrdered(draft);
    return tell(draft, state.hold.kind === 'taken_over' && !draft.busy() ? 'taken_over' : 'paused');
  }
  if (state.blockers.length > 0) {
    const status = state.blockers.every((blocker) => blocker.kind === 'halted') ? 'halted' : 'parked';
    if (draft.busy()) return;
    if (state.telling) tell(draft, status);
    else if (state.shown !== status) notice(draft, status, shownReason(draft));
    return;
  }
  const undoing = state.stop !== null && needsUndo(draft) && (state.undoing !== null || !draft.busy());
  if (undoing && state.shown !== 'rolling_back') {
    return notice(draft, 'rolling_back', state.stop?.reason ?? '');
  }
  if (state.shown !== 'running' && state.shown !== 'rolling_back') {
    return notice(draft, 'running', 'The run goes on.');
  }
  if (state.stop !== null) compensate(draft);
  else forward(draft);
}

function compensate(draft: Draft): void {
  if (draft.busy() || Object.values(draft.state.tasks).some((task) => task.kind === 'backoff')) return;
  if (undoNext(draft)) return draft.state.blockers.length > 0 ? advance(draft) : undefined;
  finish(draft);
}

function forward(draft: Draft): void {
  const { state } = draft;
  if (state.phase === 'begin') {
    if (Object.keys(state.tasks).length === 0) ask(draft, { kind: 'begin' });
    return;
  }
  if (state.phase === 'before') {
    if (Object.keys(state.rounds).length > 0 || askBefore(draft)) return;
    state.phase = 'forward';
  }
  if (state.phase === 'after') {
    if (Object.keys(state.rounds).length === 0) finish(draft);
    return;
  }
  startReady(draft);
  if (!Object.keys(state.steps).every((id) => isDone(state.steps, id))) return;
  const skipped = state.skipped.flatMap((each) => (each.step_id === null ? each.check_ids : []));
  const checks = state.plan.checks.filter((check) => !skipped.includes(check.check_id));
  if (checks.length === 0) return finish(draft);
  state.phase = 'after';
  askRound(draft, 'after', null, checks, state.lastWriteAtMs);
}

function awaitsNotice(draft: Draft): boolean {
  return Object.values(draft.state.tasks).some(
    (task) => task.kind === 'notice' || (task.kind === 'again' && task.task.kind === 'notice'),
  );
}

/** Shows people where the run stands, unless they were told just that. */
function tell(draft: Draft, status: TransitionInput['status']): void {
  const reason = shownReason(draft);
  if (draft.state.told !== toldText(draft, status, reason)) notice(draft, status, reason);
}

function toldText(draft: Draft, status: TransitionInput['status'], reason: string): string {
  return canonicalJson({ status, reason, steering: steeringOf(draft) });
}

function notice(draft: Draft, status: TransitionInput['status'], reason: string): void {
  draft.state.told = toldText(draft, status, reason);
  ask(draft, { kind: 'notice', status, reason: reason.slice(0, 4000), attempt: 1 });
}

type Control = Extract<Task, { kind: 'begin' | 'notice' | 'finish' }>;

function ask(draft: Draft, task: Control): void {
  const { state } = draft;
  if (task.kind === 'finish') return askFinish(draft, task.attempt);
  const name = task.kind === 'begin' ? 'begin' : 'transition';
  const key = `${state.runId}/${name}/control/${draft.next()}`;
  if (task.kind === 'begin') {
    state.beginAttempt += 1;
    return draft.activity(key, 'begin', { execution_id: state.executionId }, CONTROL_TIMEOUT_MS, task);
  }
  const { status, reason } = task;
  const input = { execution_id: state.executionId, status, reason, steering: { ...steeringOf(draft) } };
  return draft.activity(key, 'transition', input, CONTROL_TIMEOUT_MS, task);
}

/** Tries a control activity again after a while: 1 s, doubled each time, at most 60 s. */
function askAgain(draft: Draft, task: Control): void {
  const attempt = task.kind === 'begin' ? draft.state.beginAttempt : task.attempt;
  const next = task.kind === 'begin' ? task : { ...task, attempt: task.attempt + 1 };
  const delayMs = Math.min(60_000, 1000 * 2 ** (attempt - 1));
  draft.timer(`${draft.state.runId}/again/${task.kind}/${draft.next()}`, delayMs, {
    kind: 'again',
    task: next,
  });
}

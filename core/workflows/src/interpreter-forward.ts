import type { AppErrorCode } from '@carapulse/kernel';
import type { RetryRule, Step } from '@carapulse/plan';
import { attemptKey } from './attempt-key.ts';
import { readStepOutput, type StepOutput } from './heard.ts';
import type { ActivityOutcome } from './durable-engine.ts';
import { askRound } from './interpreter-checks.ts';
import type { Draft } from './interpreter-draft.ts';
import type { Round, RunState } from './interpreter-state.ts';

type Failed = Extract<ActivityOutcome, { kind: 'failed' }>;

/** Asks every check that must be seen failing before the first write; false when there is none. */
export function askBefore(draft: Draft): boolean {
  const { plan } = draft.state;
  if (!plan.steps.some((step) => step.kind === 'write')) return false;
  const own = plan.checks.filter((check) => check.must_fail_before);
  if (own.length > 0) askRound(draft, 'before', null, own, null);
  for (const step of plan.steps) {
    const verify = step.verify.filter((check) => check.must_fail_before);
    if (verify.length > 0) askRound(draft, 'before', step.step_id, verify, null);
  }
  return Object.keys(draft.state.rounds).length > 0;
}

/** Judges the checks before the first write once all have answered. */
export function judgeBefore(draft: Draft): void {
  const { state } = draft;
  if (state.stop !== null || Object.values(state.rounds).some((round) => round.phase === 'before')) return;
  const said = state.checks.filter((check) => check.phase === 'before');
  const passed = said.filter((check) => check.verdict === 'passed').map((check) => check.check_id);
  const unclear = said.filter((check) => check.verdict === 'inconclusive');
  if (passed.length > 0) {
    const reason = `Already recovered: ${passed.join(', ')} passed before the first write, so nothing was written.`;
    draft.conclude(null, { cause: 'already_recovered', code: null, reason });
  } else if (unclear.length > 0) {
    const names = unclear.map((check) => `${check.check_id}: ${check.reason}`).join('; ');
    const reason = `Inconclusive before the first write (${names.slice(0, 1500)}); nothing was written.`;
    draft.block({ kind: 'inconclusive', phase: 'before', stepId: null, reason });
  } else {
    state.phase = 'forward';
  }
}

/** Starts every step whose time has come. */
export function startReady(draft: Draft): void {
  const { plan, steps } = draft.state;
  for (const step of plan.steps) {
    const phase = steps[step.step_id]?.phase;
    if (phase === 'retry' || phase === 'ready') tryStep(draft, step);
    if (phase === 'unverified') verifyStep(draft, step);
    if (phase !== 'pending' || !step.depends_on.every((id) => isDone(steps, id))) continue;
    draft.patch(step.step_id, { attempt: 1 });
    tryStep(draft, step);
  }
}

/** Done and verified, or declared so by a person. */
export function isDone(steps: RunState['steps'], stepId: string): boolean {
  const phase = steps[stepId]?.phase;
  return phase === 'done' || phase === 'waived';
}

/** Asks the current attempt's preconditions, then makes it. */
export function tryStep(draft: Draft, step: Step): void {
  if (step.preconditions.length === 0) return runStep(draft, step);
  draft.patch(step.step_id, { phase: 'preconditions' });
  askRound(draft, 'precondition', step.step_id, step.preconditions, null);
}

function runStep(draft: Draft, step: Step): void {
  const { attempt, resumed } = draft.step(step.step_id);
  const { runId, executionId } = draft.state;
  draft.patch(step.step_id, { phase: 'running', ordered: false });
  const own = attemptKey(runId, step.step_id, 'forward', attempt);
  const input = {
    execution_id: executionId,
    step_id: step.step_id,
    direction: 'forward' as const,
    attempt,
    outputs: draft.outputsFor(step.call),
  };
  draft.activity(resumed === 0 ? own : `${own}/resumed/${resumed}`, 'step', input, step.timeout_ms, {
    kind: 'step',
    stepId: step.step_id,
    direction: 'forward',
  });
}

export function judgePreconditions(draft: Draft, round: Round, stepId: string): void {
  if (draft.state.stop !== null) return draft.abandon(stepId);
  if (round.failed.length > 0) {
    const reason = `Precondition of ${stepId} does not hold: ${round.failed.join(', ')}.`;
    return failStep(draft, stepId, 'precondition_failed', reason);
  }
  if (round.inconclusive.length === 0) {
    if (draft.state.hold === null || draft.step(stepId).ordered)
      return runStep(draft, draft.planStep(stepId));
    return draft.patch(stepId, { phase: 'ready' });
  }
  draft.patch(stepId, { phase: 'parked' });
  const reason = `Precondition of ${stepId} is inconclusive: ${round.inconclusive.join(', ')}.`;
  draft.block({ kind: 'inconclusive', phase: 'precondition', stepId, reason });
}

export function judgeVerify(draft: Draft, round: Round, stepId: string): void {
  if (draft.state.stop !== null) return draft.abandon(stepId);
  if (round.failed.length > 0) {
    draft.patch(stepId, { phase: 'failed', reason: `Its check failed: ${round.failed.join(', ')}.` });
    const reason = `Check of ${stepId} failed after it: ${round.failed.join(', ')}.`;
    return draft.conclude(stepId, { cause: 'check_failed', code: 'verification_failed', reason });
  }
  if (round.inconclusive.length === 0) return draft.patch(stepId, { phase: 'done' });
  draft.patch(stepId, { phase: 'parked' });
  const reason = `Check of ${stepId} is inconclusive: ${round.inconclusive.join(', ')}.`;
  draft.block({ kind: 'inconclusive', phase: 'verify', stepId, reason });
}

export function judgeAfter(draft: Draft, round: Round): void {
  if (draft.state.stop !== null) return;
  if (round.failed.length > 0) {
    const reason = `Checks of the plan failed at its end: ${round.failed.join(', ')}.`;
    draft.conclude(null, { cause: 'check_failed', code: 'verification_failed', reason });
  } else if (round.inconclusive.length > 0) {
    const reason = `Checks at the end are inconclusive: ${round.inconclusive.join(', ')}.`;
    draft.block({ kind: 'inconclusive', phase: 'after', stepId: null, reason });
  }
}

/** The outcome of a forward attempt. */
export function hearStep(draft: Draft, stepId: string, outcome: ActivityOutcome): void {
  const step = draft.planStep(stepId);
  const output = outcome.kind === 'ok' ? readStepOutput(outcome.output) : null;
  if (output !== null) return completeStep(draft, step, output);
  const failure: Failed =
    outcome.kind === 'failed'
      ? outcome
      : {
          kind: 'failed',
          code: 'internal',
          message: 'the step answered in a form that is not its output',
          errorClass: 'unknown',
          retryAfterMs: null,
        };
  const { stop } = draft.state;
  const { attempt } = draft.step(stepId);
  if (step.kind === 'write' && isUnknown(failure)) {
    const reason = `Nobody can tell whether ${stepId} took effect: ${failure.message}`.slice(0, 2000);
    draft.patch(stepId, { phase: 'unknown', reason });
    return draft.block({ kind: 'unknown', stepId, reason });
  }
  if (stop !== null) {
    const aborted = failure.code === 'cancelled' || failure.code === 'halted';
    return draft.patch(stepId, {
      phase: aborted ? 'skipped' : 'failed',
      reason: failure.message.slice(0, 2000),
    });
  }
  if (failure.code === 'halted') {
    draft.patch(stepId, { phase: 'halted' });
    return draft.block({ kind: 'halted', stepId, reason: failure.message.slice(0, 2000) });
  }
  if (mayRetry(step.retry, failure, attempt)) {
    draft.patch(stepId, { phase: 'backoff', reason: failure.message.slice(0, 2000) });
    const key = `${draft.state.runId}/${stepId}/backoff/${attempt}`;
    return draft.timer(key, backoffMs(step.retry, attempt, failure.retryAfterMs), {
      kind: 'backoff',
      stepId,
      direction: 'forward',
    });
  }
  failStep(draft, stepId, failure.code, `${stepId} failed: ${failure.message}`);
}

/** A step whose effect is there: it came back, or a person says that it is done. */
export function completeStep(draft: Draft, step: Step, output: StepOutput): void {
  const { state } = draft;
  const stepId = step.step_id;
  const effectAtMs = output.effect_at_ms ?? draft.nowMs;
  draft.patch(stepId, { evidenceId: output.evidence_id, effectAtMs, reason: '' });
  if (step.kind === 'write') {
    state.written = [...state.written, stepId];
    state.lastWriteAtMs = Math.max(state.lastWriteAtMs ?? 0, effectAtMs);
  }
  if (state.bound.includes(stepId)) state.outputs = { ...state.outputs, [stepId]: output.output };
  if (state.stop !== null || step.verify.length === 0) return draft.patch(stepId, { phase: 'done' });
  if (state.hold !== null) return draft.patch(stepId, { phase: 'unverified' });
  verifyStep(draft, step);
}

export function verifyStep(draft: Draft, step: Step): void {
  draft.patch(step.step_id, { phase: 'verifying' });
  askRound(draft, 'verify', step.step_id, step.verify, draft.step(step.step_id).effectAtMs);
}

function failStep(
  draft: Draft,
  stepId: string,
  code: AppErrorCode | 'precondition_failed',
  reason: string,
): void {
  draft.patch(stepId, { phase: 'failed', reason: reason.slice(0, 2000) });
  draft.conclude(stepId, { cause: 'step_failed', code, reason });
}

export function isUnknown(failure: Failed): boolean {
  return failure.code === 'outcome_unknown' || failure.errorClass === 'unknown';
}

export function mayRetry(rule: RetryRule, failure: Failed, attempt: number): boolean {
  return (
    failure.errorClass !== 'unknown' && rule.on.includes(failure.errorClass) && attempt < rule.max_attempts
  );
}

/** Exponential, capped by the rule; never sooner than the other side asked for. In milliseconds. */
export function backoffMs(rule: RetryRule, attempt: number, retryAfterMs: number | null): number {
  const grown = Math.min(rule.max_backoff_ms, rule.backoff_ms * rule.factor ** (attempt - 1));
  return Math.ceil(Math.max(grown, retryAfterMs ?? 0));
}

import type { JsonObject } from '@carapulse/kernel';
import type { ExecutionStatus, StepStatus } from '@carapulse/plan';
import type { RunResult } from './activities.ts';
import type { Draft } from './interpreter-draft.ts';
import type { StepPhase, StepState } from './interpreter-state.ts';
import type { Skipped } from './steering.ts';

const FINISH_TIMEOUT_MS = 120_000;

/** Fixes the result and asks for its record. Nothing else starts after it. */
export function finish(draft: Draft): void {
  draft.state.phase = 'finish';
  draft.state.result = resultOf(draft);
  for (const [key, task] of Object.entries(draft.state.tasks)) {
    if (task.kind === 'max_run' || task.kind === 'backoff') draft.cancel(key);
  }
  askFinish(draft, 1);
}

export function askFinish(draft: Draft, attempt: number): void {
  const { state } = draft;
  if (state.result === null) return;
  const input = { execution_id: state.executionId, result: resultJson(state.result) };
  draft.activity(`${state.runId}/finish/${attempt}`, 'finish', input, FINISH_TIMEOUT_MS, {
    kind: 'finish',
    attempt,
  });
}

/** A result as JSON, where what is absent is not there at all. */
export function resultJson({ skipped, ...result }: RunResult): JsonObject {
  return skipped === undefined ? result : { ...result, skipped };
}

function resultOf(draft: Draft): RunResult {
  const { state } = draft;
  const skipped = state.skipped.length === 0 ? {} : { skipped: [...state.skipped] };
  return {
    status: statusOf(draft),
    cause: state.byHand === null ? (state.stop?.cause ?? null) : 'by_hand',
    code: state.stop?.code ?? null,
    reason: reasonOf(draft),
    steps: state.plan.steps.map(({ step_id: stepId }) => {
      const step = draft.step(stepId);
      return {
        step_id: stepId,
        status: stepStatus(step),
        attempts: step.attempt,
        rollback_attempts: step.undoAttempt,
        evidence_id: step.evidenceId,
        reason: step.reason,
      };
    }),
    checks: state.checks,
    ...skipped,
  };
}

function reasonOf({ state }: Draft): string {
  const { byHand, stop, skipped } = state;
  if (byHand !== null) {
    return `Finished by hand by ${byHand.by} as ${byHand.as}: ${byHand.reason}`;
  }
  if (stop !== null) return stop.reason;
  if (skipped.length === 0) return 'Every step and check succeeded.';
  return `Every step and check succeeded but for what was skipped: ${skipped.map(skipText).join('; ')}.`.slice(
    0,
    4000,
  );
}

function skipText({ step_id: stepId, check_ids: checks, by, reason }: Skipped): string {
  const of = stepId === null ? 'check' : 'check of';
  const what = checks.length === 0 ? `step ${stepId}` : `${of} ${stepId ?? ''} ${checks.join(', ')}`;
  return `${what.replaceAll(/ +/g, ' ')} (${by}: ${reason})`;
}

/**
 * Ends a run that a person took over, as they say. What they call succeeded was not verified here: whatever had not
 * succeeded by then counts as skipped.
 */
export function finishByHand(draft: Draft): void {
  const { state } = draft;
  const { byHand } = state;
  if (byHand === null) return;
  for (const [stepId, { phase }] of Object.entries(state.steps)) {
    if (phase === 'unverified' || phase === 'ready' || phase === 'parked') draft.abandon(stepId);
    if (phase === 'retry' || phase === 'backoff' || phase === 'halted')
      draft.patch(stepId, { phase: 'failed' });
  }
  if (byHand.as === 'succeeded') {
    const { by, reason } = byHand;
    const said = { by, reason, at_ms: draft.nowMs };
    const left = state.plan.steps.filter(({ step_id: id }) => !SETTLED.has(draft.step(id).phase));
    const checkIds = state.plan.checks.map((check) => check.check_id);
    state.skipped = [
      ...state.skipped,
      ...left.map(({ step_id }) => ({ step_id, check_ids: [], ...said })),
      ...(checkIds.length === 0 ? [] : [{ step_id: null, check_ids: checkIds, ...said }]),
    ];
  }
  finish(draft);
}

const SETTLED: ReadonlySet<StepPhase> = new Set(['done', 'waived']);

function statusOf(draft: Draft): ExecutionStatus {
  const { stop, steps, byHand, skipped } = draft.state;
  if (byHand !== null) return byHand.as === 'succeeded' ? 'succeeded_with_skips' : byHand.as;
  if (stop === null) return skipped.length === 0 ? 'succeeded' : 'succeeded_with_skips';
  if (stop.cause === 'already_recovered') return 'held';
  if (stop.cause === 'cancelled') return 'cancelled';
  if (Object.values(steps).some((step) => step.undo === 'done')) return 'rolled_back';
  if (stop.cause === 'revoked' && draft.state.written.length === 0) return 'cancelled';
  return 'failed';
}

function stepStatus(step: StepState): StepStatus {
  if (step.undo === 'done') return 'rolled_back';
  switch (step.phase) {
    case 'done':
      return 'succeeded';
    case 'failed':
      return 'failed';
    case 'unknown':
      return 'outcome_unknown';
    case 'pending':
    case 'waived':
    case 'skipped':
      return 'skipped';
    default:
      return 'running';
  }
}

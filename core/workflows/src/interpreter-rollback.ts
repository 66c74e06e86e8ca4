import type { Rollback } from '@carapulse/plan';
import { attemptKey } from './attempt-key.ts';
import { readStepOutput } from './heard.ts';
import type { ActivityOutcome } from './durable-engine.ts';
import { askRound } from './interpreter-checks.ts';
import type { Draft } from './interpreter-draft.ts';
import { backoffMs, isUnknown, mayRetry } from './interpreter-forward.ts';
import type { Round } from './interpreter-state.ts';

type UndoCall = Extract<Rollback, { kind: 'call' }>;

/** True when something completed has an undo, or would need one. */
export function needsUndo(draft: Draft): boolean {
  return draft.state.written.some((stepId) => draft.planStep(stepId).rollback.kind !== 'none');
}

/** Goes to the next write to undo; false when all are behind. One at a time, last completed first. */
export function undoNext(draft: Draft): boolean {
  const { state } = draft;
  state.undoing ??= state.written.toReversed();
  for (const stepId of state.undoing) {
    const { undo } = draft.step(stepId);
    if (undo === 'done' || undo === 'skipped') continue;
    if (undo === 'none') {
      const { rollback } = draft.planStep(stepId);
      if (rollback.kind === 'none') {
        draft.patch(stepId, { undo: 'skipped' });
        continue;
      }
      if (rollback.kind === 'impossible') {
        draft.patch(stepId, { undo: 'blocked' });
        const reason = `${stepId} cannot be undone: ${rollback.reason}`;
        draft.block({ kind: 'rollback_impossible', stepId, direction: 'rollback', reason });
        return true;
      }
      draft.patch(stepId, { undoAttempt: 1 });
      runUndo(draft, stepId);
      return true;
    }
    if (undo === 'ready') runUndo(draft, stepId);
    if (undo === 'unverified') verifyUndo(draft, stepId);
    return true;
  }
  return false;
}

export function runUndo(draft: Draft, stepId: string): void {
  const rollback = undoCall(draft, stepId);
  if (rollback === null) return;
  const { undoAttempt, undoResumed } = draft.step(stepId);
  const { runId, executionId } = draft.state;
  draft.patch(stepId, { undo: 'running', ordered: false });
  const own = attemptKey(runId, stepId, 'rollback', undoAttempt);
  const input = {
    execution_id: executionId,
    step_id: stepId,
    direction: 'rollback' as const,
    attempt: undoAttempt,
    outputs: draft.outputsFor(rollback.call),
  };
  const key = undoResumed === 0 ? own : `${own}/resumed/${undoResumed}`;
  draft.activity(key, 'step', input, rollback.timeout_ms, { kind: 'step', stepId, direction: 'rollback' });
}

/** The outcome of an attempt to undo a write. */
export function hearUndo(draft: Draft, stepId: string, outcome: ActivityOutcome): void {
  const output = outcome.kind === 'ok' ? readStepOutput(outcome.output) : null;
  if (output !== null) return completeUndo(draft, stepId, output.effect_at_ms ?? draft.nowMs);
  const block = (
    kind: 'halted' | 'unknown' | 'rollback_failed',
    undo: 'ready' | 'blocked',
    why: string,
  ): void => {
    draft.patch(stepId, { undo });
    draft.block({ kind, stepId, direction: 'rollback', reason: why.slice(0, 2000) });
  };
  if (outcome.kind === 'ok') {
    return block(
      'unknown',
      'blocked',
      `The undo of ${stepId} answered in a form that is not a step's output.`,
    );
  }
  if (outcome.code === 'halted') return block('halted', 'blocked', outcome.message);
  if (isUnknown(outcome)) {
    return block(
      'unknown',
      'blocked',
      `Nobody can tell whether the undo of ${stepId} took effect: ${outcome.message}`,
    );
  }
  const { retry } = draft.planStep(stepId);
  const { undoAttempt } = draft.step(stepId);
  if (!mayRetry(retry, outcome, undoAttempt)) {
    return block('rollback_failed', 'blocked', `The undo of ${stepId} failed: ${outcome.message}`);
  }
  draft.patch(stepId, { undo: 'backoff' });
  const key = `${draft.state.runId}/${stepId}/rollback/backoff/${undoAttempt}`;
  draft.timer(key, backoffMs(retry, undoAttempt, outcome.retryAfterMs), {
    kind: 'backoff',
    stepId,
    direction: 'rollback',
  });
}

/** An undo whose effect is there: it came back, or a person says so. */
export function completeUndo(draft: Draft, stepId: string, atMs: number): void {
  draft.state.lastWriteAtMs = Math.max(draft.state.lastWriteAtMs ?? 0, atMs);
  const rollback = undoCall(draft, stepId);
  if (rollback === null || rollback.verify.length === 0) return draft.patch(stepId, { undo: 'done' });
  if (draft.state.hold !== null) return draft.patch(stepId, { undo: 'unverified' });
  verifyUndo(draft, stepId);
}

export function verifyUndo(draft: Draft, stepId: string): void {
  const rollback = undoCall(draft, stepId);
  if (rollback === null) return;
  draft.patch(stepId, { undo: 'verifying' });
  askRound(draft, 'verify_rollback', stepId, rollback.verify, draft.state.lastWriteAtMs);
}

export function judgeUndo(draft: Draft, round: Round, stepId: string): void {
  const unmet = [...round.failed, ...round.inconclusive];
  if (unmet.length === 0) return draft.patch(stepId, { undo: 'done' });
  draft.patch(stepId, { undo: 'blocked' });
  const reason = `The undo of ${stepId} could not be verified: ${unmet.join(', ')}.`;
  draft.block({ kind: 'rollback_unverified', stepId, direction: 'rollback', reason });
}

function undoCall(draft: Draft, stepId: string): UndoCall | null {
  const { rollback } = draft.planStep(stepId);
  return rollback.kind === 'call' ? rollback : null;
}

import type { ExecutionStatus, StepStatus } from '@carapulse/plan';
import type { RunResult } from './activities.ts';
import type { Draft } from './interpreter-draft.ts';
import type { StepState } from './interpreter-state.ts';

const FINISH_TIMEOUT_MS = 120_000;

/** Fixes the result and asks for its record. Nothing else starts after it. */
export function finish(draft: Draft): void {
  draft.state.phase = 'finish';
  draft.state.result = resultOf(draft);
  for (const [key, task] of Object.entries(draft.state.tasks)) if (task.kind === 'max_run') draft.cancel(key);
  askFinish(draft, 1);
}

export function askFinish(draft: Draft, attempt: number): void {
  const { state } = draft;
  if (state.result === null) return;
  const input = { execution_id: state.executionId, result: state.result };
  draft.activity(`${state.runId}/finish/${attempt}`, 'finish', input, FINISH_TIMEOUT_MS, {
    kind: 'finish',
    attempt,
  });
}

function resultOf(draft: Draft): RunResult {
  const { state } = draft;
  return {
    status: statusOf(draft),
    cause: state.stop?.cause ?? null,
    code: state.stop?.code ?? null,
    reason: state.stop?.reason ?? 'Every step and check succeeded.',
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
  };
}

function statusOf(draft: Draft): ExecutionStatus {
  const { stop, steps } = draft.state;
  if (stop === null) return 'succeeded';
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
    case 'skipped':
      return 'skipped';
    default:
      return 'running';
  }
}

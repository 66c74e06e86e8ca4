import type { Draft } from './interpreter-draft.ts';
import type { Blocker, StepState } from './interpreter-state.ts';
import type { Steering } from './steering.ts';

const RESUME = '`assistantctl exec resume`';
const RESOLVE = '`assistantctl exec resolve`';

/** Why a run waits, for people: whose hand holds it, what it still awaits, what would follow, what only a word can end. */
export function shownReason(draft: Draft): string {
  const { hold, withheld, blockers } = draft.state;
  const blocked = blockers.map((blocker) => blocker.reason);
  if (hold === null) return blocked.join('\n');
  const awaited = underWay(draft);
  const doing = hold.kind === 'paused' ? 'paused' : awaited.length > 0 ? 'being taken over' : 'taken over';
  return [
    `${doing} by ${hold.by}: ${hold.reason}`,
    ...(awaited.length === 0 ? [] : [`still under way: ${awaited.join(', ')}`]),
    ...withheld.map(({ stop }) => `${stop.reason} Going on undoes what was written.`),
    ...blocked,
  ].join('\n');
}

function underWay({ state }: Draft): readonly string[] {
  return Object.values(state.tasks).flatMap((task) => {
    if (task.kind === 'step') return [task.direction === 'forward' ? task.stepId : `undo of ${task.stepId}`];
    return task.kind === 'check' ? [`check ${task.checkId}`] : [];
  });
}

/** What people may do now, step by step, with the reason where they may not. */
export function steeringOf(draft: Draft): Steering {
  const { state } = draft;
  return {
    held: state.hold,
    stopping: state.stop !== null,
    undecided: state.withheld.map(({ stepId, stop }) => ({
      step_id: stepId,
      reason: stop.reason.slice(0, 500),
    })),
    steps: state.plan.steps.map(({ step_id: stepId }) => {
      const { phase, undo, attempt, undoAttempt } = draft.step(stepId);
      const undoing = undo !== 'none';
      return {
        step_id: stepId,
        phase: undoing ? `undo ${undo}` : phase,
        attempt: undoing ? undoAttempt : attempt,
        retry: whyNoRetry(draft, stepId),
        skip: whyNoSkip(draft, stepId),
      };
    }),
    skippable_checks: skippableChecks(draft),
    skipped: [...state.skipped],
    deadline_ms: state.stop === null ? state.deadlineMs : null,
  };
}

/** Null when one more attempt may be made, else why not. */
export function whyNoRetry(draft: Draft, stepId: string): string | null {
  const { hold, blockers, stop, overdue } = draft.state;
  if (hold?.kind === 'taken_over') {
    return 'the run is taken over; `assistantctl exec handback` gives it back first';
  }
  if (hold === null && blockers.length === 0) {
    return 'the run is neither paused nor parked; `assistantctl exec pause` it first';
  }
  const undo = blockers.find((each) => each.stepId === stepId && each.direction === 'rollback');
  if (undo !== undefined) return whyNoUndoRetry(draft, undo, stepId);
  if (stop !== null) return 'the rollback has begun: no step is tried again, what was written is undone';
  if (overdue) return `the maximum run time is over, nothing more starts; ${RESUME} rolls back`;
  const step = draft.step(stepId);
  if (step.phase === 'unknown') {
    return draft.planStep(stepId).repeat === 'unsafe'
      ? `whether it took effect is unknown and it must not be repeated; look, then use ${RESOLVE}`
      : null;
  }
  if (step.phase !== 'failed') return notFailed(step);
  const failure = draft.state.withheld.find((each) => each.stepId === stepId);
  if (failure?.stop.cause === 'step_failed') return null;
  return `it took effect and its check failed; ${RESUME} or \`assistantctl exec rollback\` undoes it`;
}

function whyNoUndoRetry(draft: Draft, blocker: Blocker, stepId: string): string | null {
  switch (blocker.kind) {
    case 'rollback_failed':
      return null;
    case 'unknown': {
      const { rollback } = draft.planStep(stepId);
      return rollback.kind === 'call' && rollback.repeat !== 'unsafe'
        ? null
        : `whether its undo took effect is unknown and it must not be repeated; look, then use ${RESOLVE}`;
    }
    case 'rollback_impossible':
      return `it has no undo; undo it by hand, then use ${RESOLVE}`;
    default:
      return `its undo goes on with ${RESUME}`;
  }
}

function notFailed({ phase, undo }: StepState): string {
  if (undo !== 'none') return 'it is being undone';
  switch (phase) {
    case 'done':
    case 'waived':
      return 'it is done';
    case 'skipped':
      return 'it was given up';
    case 'backoff':
      return 'it is tried again by itself after a while';
    case 'parked':
      return `its check is inconclusive; ${RESUME} samples it again`;
    case 'halted':
      return `its attempt goes on with ${RESUME}`;
    case 'pending':
    case 'ready':
    case 'retry':
    case 'unverified':
      return `it goes on with ${RESUME}`;
    default:
      return 'it is under way; wait for its end';
  }
}

/** Null when the step, or its inconclusive check, may be declared done by a person's word, else why not. */
export function whyNoSkip(draft: Draft, stepId: string): string | null {
  const { hold, blockers, stop, bound } = draft.state;
  if (hold === null && blockers.length === 0) {
    return 'the run is neither paused nor parked; `assistantctl exec pause` it first';
  }
  if (stop !== null) return 'the rollback has begun: nothing more starts that could be skipped';
  if (unclearVerify(draft, stepId) !== undefined) return null;
  const step = draft.step(stepId);

  switch (step.phase) {
    case 'failed':
      if (draft.state.withheld.find((each) => each.stepId === stepId)?.stop.cause !== 'step_failed') {
        return 'it took effect and its check failed: a failed check is not skipped';
      }
      break;
    case 'unknown':
      return `whether it took effect is unknown; look, then use ${RESOLVE}`;
    case 'halted':
      if (draft.planStep(stepId).kind === 'write')
        return `its attempt may have begun; it goes on with ${RESUME}`;
      break;
    case 'pending':
    case 'ready':
    case 'retry':
    case 'backoff':
    case 'parked':
      break;
    case 'unverified':
      return `it took effect and its check has not been asked; ${RESUME} asks it`;
    default:
      return notFailed(step);
  }
  return bound.includes(stepId)
    ? 'other steps or checks take its output, which there would not be; roll back instead'
    : null;
}

/** What parks a run over a step's own check after it. */
export function unclearVerify({ state }: Draft, stepId: string): Blocker | undefined {
  return state.blockers.find(
    (each) => each.kind === 'inconclusive' && each.phase === 'verify' && each.stepId === stepId,
  );
}

/** Inconclusive checks of the plan's end. What must be seen failing before the first write is never skipped. */
export function skippableChecks({ state }: Draft): string[] {
  if (state.stop !== null || !state.blockers.some(({ phase }) => phase === 'after')) return [];
  const skipped = state.skipped.flatMap((each) => (each.step_id === null ? each.check_ids : []));
  return state.checks
    .filter(({ phase, verdict }) => phase === 'after' && verdict === 'inconclusive')
    .map(({ check_id }) => check_id)
    .filter((checkId) => !skipped.includes(checkId));
}

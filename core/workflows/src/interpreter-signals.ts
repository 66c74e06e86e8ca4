import type { JsonObject } from '@carapulse/kernel';
import { readResolveUnknown, readUnpause, type ResolveUnknown } from './heard.ts';
import type { Draft } from './interpreter-draft.ts';
import { completeStep, verifyStep } from './interpreter-forward.ts';
import { completeUndo, verifyUndo } from './interpreter-rollback.ts';
import type { Blocker, Stop } from './interpreter-state.ts';
import { hearSteering, release } from './interpreter-steering.ts';
import { overtaken } from './interpreter-overtaken.ts';

/** Works on a signal. One that is unknown or comes when it means nothing changes nothing. */
export function hearSignal(draft: Draft, name: string, payload: JsonObject): void {
  switch (name) {
    case 'cancel':
      return halt(draft, { cause: 'cancelled', code: 'cancelled', reason: 'The run was cancelled.' });
    case 'revoke':
      return halt(draft, {
        cause: 'revoked',
        code: 'approval_invalid',
        reason: 'The approval was revoked while the run was under way.',
      });
    case 'resume':
      return resume(draft, readUnpause(payload));
    case 'resolve_unknown': {
      const said = readResolveUnknown(payload);
      if (said !== null) resolve(draft, said);
      return undefined;
    }
    default:
      return hearSteering(draft, name, payload);
  }
}

/** Stops, and lets a paused run go back. One that is on its way back stays paused; one taken over stays in its hands. */
function halt(draft: Draft, stop: Stop): void {
  if (draft.state.stop === null && draft.state.hold?.kind === 'paused') draft.state.hold = null;
  draft.stop(stop);
}

/** Goes on after a halt and asks inconclusive checks again; what needs a person's word on an effect stays. */
function resume(draft: Draft, unpause: boolean): void {
  const { state } = draft;
  if (state.hold !== null && (!unpause || state.hold.kind === 'taken_over')) return;
  release(draft);
  const again = state.blockers.filter((blocker) => isResumable(blocker));
  state.blockers = state.blockers.filter((blocker) => !isResumable(blocker));
  overtaken(draft);
  for (const blocker of again) resumeOne(draft, blocker);
}

function isResumable(blocker: Blocker): boolean {
  return (
    blocker.kind === 'halted' || blocker.kind === 'inconclusive' || blocker.kind === 'rollback_unverified'
  );
}

function resumeOne(draft: Draft, blocker: Blocker): void {
  const { state } = draft;
  const { stepId } = blocker;
  if (blocker.kind === 'rollback_unverified' && stepId !== null) return verifyUndo(draft, stepId);
  if (blocker.kind === 'halted' && blocker.direction === 'rollback' && stepId !== null) {
    draft.patch(stepId, { undo: 'ready', undoResumed: draft.step(stepId).undoResumed + 1 });
    return;
  }
  if (stepId === null) {
    // The phases of the whole run are asked again by the next advance.
    if (blocker.phase === 'after') state.phase = 'forward';
    return;
  }
  if (state.stop !== null) return draft.abandon(stepId);
  if (blocker.kind === 'inconclusive' && blocker.phase === 'verify') {
    return verifyStep(draft, draft.planStep(stepId));
  }
  const { resumed } = draft.step(stepId);
  draft.patch(stepId, { phase: 'retry', resumed: blocker.kind === 'halted' ? resumed + 1 : resumed });
}

function resolve(draft: Draft, { step_id: stepId, outcome }: ResolveUnknown): void {
  const { state } = draft;
  const blocker = state.blockers.find(
    (candidate) => candidate.stepId === stepId && !['halted', 'inconclusive'].includes(candidate.kind),
  );
  if (blocker === undefined) return;
  if (blocker.kind === 'rollback_impossible' && outcome === 'not_done') return;
  state.blockers = state.blockers.filter((candidate) => candidate !== blocker);
  if (blocker.direction === 'forward') return resolveForward(draft, stepId, outcome);
  if (outcome === 'not_done') {
    const undoAttempt = draft.step(stepId).undoAttempt + 1;
    return draft.patch(stepId, { undo: 'ready', undoAttempt, undoResumed: 0 });
  }
  if (blocker.kind === 'rollback_unverified' || blocker.kind === 'rollback_impossible') {
    return draft.patch(stepId, { undo: 'done' });
  }
  completeUndo(draft, stepId, draft.nowMs);
}

function resolveForward(draft: Draft, stepId: string, outcome: ResolveUnknown['outcome']): void {
  const step = draft.planStep(stepId);
  if (outcome === 'done') {
    overtaken(draft);
    completeStep(draft, step, { output: {}, evidence_id: null, effect_at_ms: draft.nowMs });
    return;
  }
  draft.patch(stepId, { phase: 'retry', attempt: draft.step(stepId).attempt + 1, resumed: 0 });
  overtaken(draft);
  if (draft.state.stop !== null) draft.patch(stepId, { phase: 'failed' });
}

/**
 * Owner: a person's hand on a run. A signal that comes when it is not allowed changes nothing, so that of two people at
 * once the first in the journal is heard; what is allowed is told by `steeringOf`, which operations ask first.
 */
import type { JsonObject } from '@carapulse/kernel';
import {
  readSaid,
  readSaidOfEnd,
  readSaidOfSkip,
  readSaidOfStep,
  type Said,
  type SaidOfSkip,
} from './heard.ts';
import type { Draft } from './interpreter-draft.ts';
import { tryStep } from './interpreter-forward.ts';
import { overtaken } from './interpreter-overtaken.ts';
import { skippableChecks, unclearVerify, whyNoRetry, whyNoSkip } from './interpreter-report.ts';
import { runUndo } from './interpreter-rollback.ts';
import type { Hold, Skipped } from './steering.ts';

/** Works on a signal by which a person steers; one that is unknown changes nothing. */
export function hearSteering(draft: Draft, name: string, payload: JsonObject): void {
  const { state } = draft;
  if (state.phase === 'finish' || state.byHand !== null) return;
  switch (name) {
    case 'pause': {
      const said = readSaid(payload);
      if (said !== null && state.hold === null) state.hold = holdOf(draft, 'paused', said);
      return;
    }
    case 'takeover': {
      const said = readSaid(payload);
      if (said !== null && state.hold?.kind !== 'taken_over') takeOver(draft, said);
      return;
    }
    case 'handback':
      if (state.hold?.kind !== 'taken_over') return;
      release(draft);
      overtaken(draft);
      return;
    case 'finish_by_hand': {
      const said = readSaidOfEnd(payload);
      if (said !== null && state.hold?.kind === 'taken_over' && state.phase !== 'begin') state.byHand = said;
      return;
    }
    case 'retry': {
      const said = readSaidOfStep(payload);
      if (said !== null && knows(draft, said.step_id)) retry(draft, said.step_id);
      return;
    }
    case 'skip': {
      const said = readSaidOfSkip(payload);
      if (said !== null) skip(draft, said);
      return;
    }
  }
}

function holdOf(draft: Draft, kind: Hold['kind'], { by, reason }: Said): Hold {
  return { kind, by, reason, at_ms: draft.nowMs };
}

/** An attempt that was asked for and has not begun begins when the run is handed back. */
function takeOver(draft: Draft, said: Said): void {
  draft.state.hold = holdOf(draft, 'taken_over', said);
  for (const stepId of Object.keys(draft.state.steps)) draft.patch(stepId, { ordered: false });
}

function knows({ state }: Draft, stepId: string): boolean {
  return Object.hasOwn(state.steps, stepId);
}

/** Takes a person's hand away; the failures that waited for that now have their consequence. */
export function release(draft: Draft): void {
  const { state } = draft;
  state.hold = null;
  const [first] = state.withheld;
  if (first !== undefined) draft.stop(first.stop);
}

/** One more attempt, under a key of its own, of exactly the approved call. */
function retry(draft: Draft, stepId: string): void {
  if (whyNoRetry(draft, stepId) !== null) return;
  const { state } = draft;
  const undoing = state.blockers.some((each) => each.stepId === stepId && each.direction === 'rollback');
  state.blockers = state.blockers.filter((each) => each.stepId !== stepId);
  const { attempt, undoAttempt } = draft.step(stepId);
  if (undoing) {
    draft.patch(stepId, { undo: 'ready', undoAttempt: undoAttempt + 1, undoResumed: 0, ordered: true });
    return;
  }
  state.withheld = state.withheld.filter((each) => each.stepId !== stepId);
  draft.patch(stepId, { phase: 'retry', attempt: attempt + 1, resumed: 0, ordered: true, reason: '' });
}

/** Makes the attempts that a person asked for while the run is paused, and nothing else. */
export function startOrdered(draft: Draft): void {
  const { state } = draft;
  if (state.hold?.kind !== 'paused' || state.blockers.length > 0) return;
  for (const step of state.plan.steps) {
    const { phase, undo, ordered } = draft.step(step.step_id);
    if (!ordered) continue;
    if (state.stop === null && phase === 'retry') tryStep(draft, step);
    if (state.stop !== null && undo === 'ready' && !draft.busy()) runUndo(draft, step.step_id);
  }
}

function skip(draft: Draft, said: SaidOfSkip): void {
  const { step_id: stepId, check_id: checkId } = said;
  if (stepId !== undefined && checkId === undefined && knows(draft, stepId)) skipStep(draft, said, stepId);
  if (stepId === undefined && checkId !== undefined) skipCheck(draft, said, checkId);
  if (draft.state.hold === null) overtaken(draft);
}

function note(draft: Draft, { by, reason }: Said, what: Pick<Skipped, 'step_id' | 'check_ids'>): void {
  draft.state.skipped = [...draft.state.skipped, { ...what, by, reason, at_ms: draft.nowMs }];
}

function skipStep(draft: Draft, said: Said, stepId: string): void {
  if (whyNoSkip(draft, stepId) !== null) return;
  const { state } = draft;
  const unclear = unclearVerify(draft, stepId);
  state.blockers = state.blockers.filter((each) => each.stepId !== stepId);
  if (unclear !== undefined) {
    const checks = state.checks.filter(
      (each) => each.phase === 'verify' && each.step_id === stepId && each.verdict === 'inconclusive',
    );
    draft.patch(stepId, { phase: 'done' });
    return note(draft, said, { step_id: stepId, check_ids: checks.map((check) => check.check_id) });
  }
  for (const [key, task] of Object.entries(state.tasks)) {
    if (task.kind === 'backoff' && task.stepId === stepId) draft.cancel(key);
  }
  state.withheld = state.withheld.filter((each) => each.stepId !== stepId);
  draft.patch(stepId, { phase: 'waived', ordered: false, reason: `Skipped by ${said.by}: ${said.reason}` });
  note(draft, said, { step_id: stepId, check_ids: [] });
}

function skipCheck(draft: Draft, said: Said, checkId: string): void {
  if (!skippableChecks(draft).includes(checkId)) return;
  note(draft, said, { step_id: null, check_ids: [checkId] });
  if (skippableChecks(draft).length > 0) return;
  draft.state.blockers = draft.state.blockers.filter((each) => each.phase !== 'after');
}

import type { Draft } from './interpreter-draft.ts';
import type { Stop } from './interpreter-state.ts';

/** What the maximum run time asked for while the run was parked. */
export function overtaken(draft: Draft): void {
  const { state } = draft;
  if (!state.overdue || state.stop !== null) return;
  const waiting = Object.values(state.steps).some(
    (step) =>
      ['pending', 'retry', 'ready', 'backoff', 'halted'].includes(step.phase) ||
      (step.phase === 'parked' && step.effectAtMs === null),
  );
  if (waiting) draft.stop(maxRunStop(draft));
}

export function maxRunStop(draft: Draft): Stop {
  const reason = `The run took longer than its maximum of ${draft.state.plan.max_run_ms} ms.`;
  return { cause: 'max_run', code: 'timeout', reason };
}

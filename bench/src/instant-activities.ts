import type { PlanActivities } from '@carapulse/workflows';

const nothing = async (): Promise<void> => undefined;
export const ANSWER = { output: { ok: true }, evidence_id: null, effect_at_ms: null };

/** Activities of a plan's run that take no time, so that what is measured is the engine. */
export const INSTANT: PlanActivities = {
  begin: nothing,
  check: async () => ({ verdict: 'passed', reason: '', samples: [] }),
  step: async () => ANSWER,
  transition: nothing,
  finish: nothing,
};

import type { PlanActivities } from '@carapulse/workflows';
import type { Services } from '../services.ts';
import { beginRun } from './begin-run.ts';
import { changeRunStatus } from './change-run-status.ts';
import { finishRun } from './finish-run.ts';
import { runCheck } from './run-check.ts';
import { runStep } from './run-step.ts';

/** What a plan's run may ask for. The engine is one of the services, so they are reached when a run asks. */
export function createPlanActivities(reach: () => Services): PlanActivities {
  return {
    begin: ({ execution_id }, signal) => beginRun(reach(), execution_id, signal),
    check: (input, signal) => runCheck(reach(), input, signal),
    step: (input, signal) => runStep(reach(), input, signal),
    transition: (input, signal) => changeRunStatus(reach(), input, signal),
    finish: ({ execution_id, result }, signal) => finishRun(reach(), execution_id, result, signal),
  };
}

import type { PlanActivities } from '@carapulse/workflows';
import type { Services } from '../services.ts';
import { beginRun } from './begin-run.ts';
import { changeRunStatus } from './change-run-status.ts';
import { finishRun } from './finish-run.ts';
import { runCheck } from './run-check.ts';
import { runStep } from './run-step.ts';

/** What a plan's run may ask for, on these services. */
export function createPlanActivities(services: Services): PlanActivities {
  return {
    begin: ({ execution_id }, signal) => beginRun(services, execution_id, signal),
    check: (input, signal) => runCheck(services, input, signal),
    step: (input, signal) => runStep(services, input, signal),
    transition: (input, signal) => changeRunStatus(services, input, signal),
    finish: ({ execution_id, result }, signal) => finishRun(services, execution_id, result, signal),
  };
}

import type { PlanActivities } from '@carapulse/workflows';
import { heldStore } from '../ports/index.ts';
import type { RunServices, Services } from '../services.ts';
import { beginRun } from './begin-run.ts';
import { changeRunStatus } from './change-run-status.ts';
import { finishRun } from './finish-run.ts';
import { runCheck } from './run-check.ts';
import { runStep } from './run-step.ts';

/** What a plan's run may ask for. The engine is one of the services, so they are reached when a run asks. */
export function createPlanActivities(reach: () => Services): PlanActivities {
  const held = (executionId: string, epoch: number): RunServices => {
    const services = reach();
    return { ...services, store: heldStore(services.store, executionId, epoch), runEpoch: epoch };
  };
  return {
    begin: ({ execution_id: id }, signal, epoch) => beginRun(held(id, epoch), id, signal),
    check: (input, signal, epoch) => runCheck(held(input.execution_id, epoch), input, signal),
    step: (input, signal, epoch) => runStep(held(input.execution_id, epoch), input, signal),
    transition: (input, signal, epoch) => changeRunStatus(held(input.execution_id, epoch), input, signal),
    finish: ({ execution_id: id, result }, signal, epoch) => finishRun(held(id, epoch), id, result, signal),
  };
}

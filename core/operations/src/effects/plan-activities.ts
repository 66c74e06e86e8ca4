import type { PlanActivities } from '@carapulse/workflows';
import { heldStore } from '../ports/index.ts';
import type { RunServices, Services } from '../services.ts';
import { beginRun } from './begin-run.ts';
import { changeRunStatus } from './change-run-status.ts';
import { finishRun } from './finish-run.ts';
import { onceStoreAnswers } from './once-store-answers.ts';
import { runCheck } from './run-check.ts';
import { runStep } from './run-step.ts';

/** What a plan's run may ask for. The engine is one of the services, so they are reached when a run asks. */
export function createPlanActivities(reach: () => Services): PlanActivities {
  const held = (executionId: string, epoch: number): RunServices => {
    const services = reach();
    return { ...services, store: heldStore(services.store, executionId, epoch), runEpoch: epoch };
  };
  const again = <T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> =>
    onceStoreAnswers(reach(), signal, work);
  return {
    begin: ({ execution_id: id }, signal, epoch) =>
      again(signal, () => beginRun(held(id, epoch), id, signal)),
    check: (input, signal, epoch) =>
      again(signal, () => runCheck(held(input.execution_id, epoch), input, signal)),
    step: (input, signal, epoch) =>
      again(signal, () => runStep(held(input.execution_id, epoch), input, signal)),
    transition: (input, signal, epoch) =>
      again(signal, () => changeRunStatus(held(input.execution_id, epoch), input, signal)),
    finish: ({ execution_id: id, result }, signal, epoch) =>
      again(signal, () => finishRun(held(id, epoch), id, result, signal)),
  };
}

import type { JsonObject } from '@carapulse/kernel';
import { parseInput } from '@carapulse/kernel';
import type { PlanActivities } from './activities.ts';
import { BeginInput, CheckInput, FinishInput, StepInput, TransitionInput } from './activities.ts';
import type { ActivityHandler } from './durable-engine.ts';

/** The typed handlers of a plan's run as an engine takes them: inputs are parsed, outputs are JSON. */
export function planHandlers(
  activities: PlanActivities,
): Readonly<Record<keyof PlanActivities, ActivityHandler>> {
  return {
    begin: async (input, context) => {
      await activities.begin(parseInput(BeginInput, input, 'Input of begin'), context.signal, context.epoch);
      return {};
    },
    check: async (input, context): Promise<JsonObject> => ({
      ...(await activities.check(
        parseInput(CheckInput, input, 'Input of check'),
        context.signal,
        context.epoch,
      )),
    }),
    step: async (input, context): Promise<JsonObject> => ({
      ...(await activities.step(
        parseInput(StepInput, input, 'Input of step'),
        context.signal,
        context.epoch,
      )),
    }),
    transition: async (input, context) => {
      await activities.transition(
        parseInput(TransitionInput, input, 'Input of transition'),
        context.signal,
        context.epoch,
      );
      return {};
    },
    finish: async (input, context) => {
      await activities.finish(
        parseInput(FinishInput, input, 'Input of finish'),
        context.signal,
        context.epoch,
      );
      return {};
    },
  };
}

import { AppError, JsonObject, newId } from '@carapulse/kernel';
import { z } from 'zod';
import type { WriteOperation } from '../operation.ts';
import { proposePlan } from '../plans/propose-plan.ts';
import type { PlanRecord } from '../ports/index.ts';
import { planWorkflow } from './plan-workflow.ts';

const Input = z.strictObject({
  name: z.string().min(1).max(100),
  input: JsonObject,
  reason: z.string().min(1).max(500),
});

/**
 * Makes the plan of a named workflow. Nothing is changed by it: the plan waits for what policy asks.
 * @throws AppError `not_found`, `invalid_input` with pointers below `/input`, `precondition_failed` saying why the
 * world allows no such plan now.
 */
export const startWorkflow: WriteOperation<z.infer<typeof Input>, PlanRecord> = {
  kind: 'write',
  name: 'start-workflow',
  permission: 'plan.create',
  auditAction: 'plan.create',
  input: Input,
  run: async (context, { name, input, reason }, commit) => {
    const { actor, services } = context;
    const outcome = await planWorkflow(context, {
      workflow: name,
      input,
      because: [`${actor.id}: ${reason}`],
      planId: newId('plan', services.clock, services.random),
      createdBy: actor.id,
      trigger: { kind: 'workflow', ref: name },
    });
    if (outcome.kind === 'not_planned') {
      throw new AppError(
        'precondition_failed',
        `Workflow ${name} makes no plan now: ${outcome.because.join('; ')}.`,
      );
    }
    return proposePlan(context, { draft: outcome.draft, breakGlass: null }, commit);
  },
};

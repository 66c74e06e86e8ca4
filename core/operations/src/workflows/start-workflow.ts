import { AppError, JsonObject, newId, toAppError, toTimestamp, type ContextRef } from '@carapulse/kernel';
import { findWorkflow, planFromWorkflow, type NamedWorkflow, type WorkflowDraft } from '@carapulse/planning';
import { z } from 'zod';
import { readToolFor } from '../incidents/read-tool.ts';
import type { WriteOperation } from '../operation.ts';
import { proposePlan } from '../plans/propose-plan.ts';
import type { PlanRecord } from '../ports/index.ts';

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
    const { actor, services, signal } = context;
    const workflow = findWorkflow(name);
    const drafted = draft(workflow, input);
    const planId = newId('plan', services.clock, services.random);
    const { cluster_id, namespace } = drafted.about;
    const where: ContextRef = {
      tenant_id: actor.tenant_id,
      environment: services.settings.environment,
      ...(cluster_id !== undefined && { cluster_id }),
      ...(namespace !== undefined && { namespace }),
    };
    const outcome = await planFromWorkflow(
      {
        workflow,
        drafted,
        profiles: services.planning.profiles,
        because: [`${actor.id}: ${reason}`],
        planId,
        createdBy: actor.id,
        trigger: { kind: 'workflow', ref: name },
        context: where,
        now: toTimestamp(services.clock.nowMs()),
        catalogue: services.planning.catalogue,
        readTool: readToolFor(context, where, { planId }).readTool,
      },
      signal,
    );
    if (outcome.kind === 'not_planned') {
      throw new AppError(
        'precondition_failed',
        `Workflow ${name} makes no plan now: ${outcome.because.join('; ')}.`,
      );
    }
    return proposePlan(context, { draft: outcome.draft, breakGlass: null }, commit);
  },
};

/** What a workflow says of its input, said of the request. */
function draft(workflow: NamedWorkflow, input: JsonObject): WorkflowDraft {
  try {
    return workflow.draft(input);
  } catch (thrown) {
    const error = toAppError(thrown);
    const errors = error.errors.map(({ pointer, detail }) => ({ pointer: `/input${pointer}`, detail }));
    throw new AppError(error.code, error.message, { cause: error, errors });
  }
}

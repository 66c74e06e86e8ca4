import { AppError, toAppError, toTimestamp, type ContextRef, type JsonObject } from '@carapulse/kernel';
import {
  findWorkflow,
  planFromWorkflow,
  type NamedWorkflow,
  type PlanningOutcome,
  type PlanRequester,
  type WorkflowDraft,
} from '@carapulse/planning';
import { readToolFor } from '../incidents/read-tool.ts';
import type { OperationContext } from '../operation.ts';

export interface WorkflowOrder extends Pick<PlanRequester, 'planId' | 'createdBy' | 'authors' | 'trigger'> {
  readonly workflow: string;
  readonly input: JsonObject;
  readonly because: readonly string[];
}

/**
 * Has a named workflow make its plan's draft, whoever asks. It reads through the tool router and changes nothing.
 * @throws AppError `not_found`, `invalid_input` with pointers below `/input`, what the tools throw.
 */
export async function planWorkflow(
  context: OperationContext,
  order: WorkflowOrder,
): Promise<PlanningOutcome> {
  const { actor, services, signal } = context;
  const workflow = findWorkflow(order.workflow);
  const drafted = draftWorkflow(workflow, order.input);
  const { cluster_id, namespace } = drafted.about;
  const where: ContextRef = {
    tenant_id: actor.tenant_id,
    environment: services.settings.environment,
    ...(cluster_id !== undefined && { cluster_id }),
    ...(namespace !== undefined && { namespace }),
  };
  return planFromWorkflow(
    {
      ...order,
      workflow,
      drafted,
      profiles: services.planning.profiles,
      context: where,
      now: toTimestamp(services.clock.nowMs()),
      catalogue: services.planning.catalogue,
      readTool: readToolFor(context, where, { planId: order.planId }).readTool,
    },
    signal,
  );
}

/** What a workflow says of its input, said of the request. */
export function draftWorkflow(workflow: NamedWorkflow, input: JsonObject): WorkflowDraft {
  try {
    return workflow.draft(input);
  } catch (thrown) {
    const error = toAppError(thrown);
    const errors = error.errors.map(({ pointer, detail }) => ({ pointer: `/input${pointer}`, detail }));
    throw new AppError(error.code, error.message, { cause: error, errors });
  }
}

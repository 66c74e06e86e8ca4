import { AppError, idSchema, newId } from '@carapulse/kernel';
import { z } from 'zod';
import type { WriteOperation } from '../operation.ts';
import { loadPlan } from '../plans/load-plan.ts';
import type { ExecutionRecord } from '../ports/index.ts';
import type { Services } from '../services.ts';
import { loadExecution } from './load-execution.ts';

const Input = z.strictObject({
  execution_id: idSchema('execution'),
  reason: z.string().min(1).max(500),
});
const ResolveInput = z.strictObject({
  ...Input.shape,
  step_id: z.string().min(1).max(63),
  outcome: z.enum(['done', 'not_done']),
});

type Control<I> = WriteOperation<I, ExecutionRecord>;

/** Stops a run cooperatively: nothing new starts, completed writes are undone, it ends `cancelled`. */
export const cancelExecution: Control<z.infer<typeof Input>> = control(
  'cancel-execution',
  'execution.cancel',
  'cancel',
  Input,
);

/** Lets a run that waits (halted) try again. */
export const resumeExecution: Control<z.infer<typeof Input>> = control(
  'resume-execution',
  'execution.resume',
  'resume',
  Input,
);

/**
 * A person's word on a step whose outcome is unknown; the parked run goes on from it.
 * @throws AppError `not_found` for a step that the plan does not have, `conflict` where nobody's word is asked for.
 */
export const resolveStep: Control<z.infer<typeof ResolveInput>> = control(
  'resolve-step',
  'execution.resolve',
  'resolve_unknown',
  ResolveInput,
  assertAsked,
);

async function assertAsked(
  services: Services,
  { execution_id: id, plan_id, tenant_id, status }: ExecutionRecord,
  { step_id }: z.infer<typeof ResolveInput>,
): Promise<void> {
  const { plan } = await loadPlan(services.store.read, tenant_id, plan_id);
  if (!plan.steps.some((step) => step.step_id === step_id)) {
    const steps = plan.steps.map((step) => step.step_id).join(', ');
    throw new AppError('not_found', `Execution ${id} has no step ${step_id}; its steps are: ${steps}.`);
  }
  const begun = (await services.store.read.steps(id)).some((step) => step.step_id === step_id);
  if (status === 'parked' && begun) return;
  const why = begun ? `the execution is ${status}, not parked` : `step ${step_id} has not begun`;
  throw new AppError('conflict', `Nobody's word on ${step_id} of ${id} is asked for: ${why}.`);
}

function control<I extends z.infer<typeof Input>>(
  name: string,
  auditAction: string,
  signal: string,
  input: z.ZodType<I>,
  assertFits?: (services: Services, found: ExecutionRecord, request: I) => Promise<void>,
): Control<I> {
  return {
    kind: 'write',
    name,
    permission: 'execution.control',
    auditAction,
    input,
    run: async ({ actor, services }, request, commit) => {
      const { execution_id: id, reason, ...rest } = request;
      const found = await loadExecution(services.store.read, actor.tenant_id, id);
      if (found.ended_at !== null) {
        throw new AppError(
          'conflict',
          `Execution ${id} has ended (${found.status}); there is nothing left to ${signal}.`,
        );
      }
      await assertFits?.(services, found, request);
      await commit(async () => ({
        result: null,
        audit: {
          action: auditAction,
          phase: 'event',
          subject: { kind: 'execution', id },
          outcome: { result: 'ok' },
          details: { reason, ...rest },
        },
        events: [],
      }));
      const signalId = newId('event', services.clock, services.random);
      await services.engine.signal(id, signalId, signal, { ...rest, by: actor.id, reason });
      return loadExecution(services.store.read, actor.tenant_id, id);
    },
  };
}

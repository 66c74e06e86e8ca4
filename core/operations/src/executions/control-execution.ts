import { AppError, idSchema, newId } from '@carapulse/kernel';
import type { Plan } from '@carapulse/plan';
import { z } from 'zod';
import type { WriteOperation } from '../operation.ts';
import { loadPlan } from '../plans/load-plan.ts';
import type { ExecutionRecord } from '../ports/index.ts';
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
  'cancel',
  'cancel',
  Input,
);

/** Lets a run that waits (halted, an inconclusive check) try again. */
export const resumeExecution: Control<z.infer<typeof Input>> = control(
  'resume-execution',
  'resume',
  'resume',
  Input,
);

/**
 * A person's word on a step whose outcome is unknown; the parked run goes on from it.
 * @throws AppError `not_found` for a step that the plan has not.
 */
export const resolveStep: Control<z.infer<typeof ResolveInput>> = control(
  'resolve-step',
  'resolve',
  'resolve_unknown',
  ResolveInput,
  assertHasStep,
);

/** A run hears what it is told when it can; one that has ended hears nothing, which is a `conflict`. */
function control<I extends z.infer<typeof Input>>(
  name: string,
  verb: 'cancel' | 'resume' | 'resolve',
  signal: string,
  input: z.ZodType<I>,
  assertFits: (plan: Plan, request: I) => void = () => {},
): Control<I> {
  const auditAction = `execution.${verb}`;
  return {
    kind: 'write',
    name,
    permission: 'execution.control',
    auditAction,
    input,
    run: async ({ actor, services }, request, commit) => {
      const { execution_id: id, reason, ...rest } = request;
      await commit(async (tx) => {
        const found = await loadExecution(tx, actor.tenant_id, id);
        if (found.ended_at !== null) {
          throw new AppError(
            'conflict',
            `Execution ${id} has ended (${found.status}); there is nothing left to ${verb}.`,
          );
        }
        const { plan } = await loadPlan(tx, actor.tenant_id, found.plan_id);
        assertFits(plan, request);
        return {
          result: null,
          audit: {
            action: auditAction,
            phase: 'event',
            subject: { kind: 'execution', id },
            context: plan.context,
            outcome: { result: 'ok' },
            details: { reason, ...rest },
          },
          events: [],
        };
      });
      const signalId = newId('event', services.clock, services.random);
      await services.engine.signal(id, signalId, signal, { ...rest, by: actor.id, reason });
      return loadExecution(services.store.read, actor.tenant_id, id);
    },
  };
}

function assertHasStep({ plan_id, steps }: Plan, said: z.infer<typeof ResolveInput>): void {
  const known = steps.map(({ step_id }) => step_id);
  if (known.includes(said.step_id)) return;
  throw new AppError(
    'not_found',
    `Plan ${plan_id} has no step ${said.step_id}; it has: ${known.join(', ')}.`,
  );
}

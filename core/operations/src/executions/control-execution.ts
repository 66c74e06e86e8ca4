import { AppError, idSchema, newId } from '@carapulse/kernel';
import { z } from 'zod';
import type { WriteOperation } from '../operation.ts';
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

/** A person's word on a step whose outcome is unknown; the parked run goes on from it. */
export const resolveStep: Control<z.infer<typeof ResolveInput>> = control(
  'resolve-step',
  'execution.resolve',
  'resolve_unknown',
  ResolveInput,
);

function control<I extends z.infer<typeof Input>>(
  name: string,
  auditAction: string,
  signal: string,
  input: z.ZodType<I>,
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

import { AppError, idSchema, newId } from '@carapulse/kernel';
import type { Plan } from '@carapulse/plan';
import { z } from 'zod';
import type { WriteOperation } from '../operation.ts';
import { HALTED_PREFIX } from '../effects/change-run-status.ts';
import { loadPlan } from '../plans/load-plan.ts';
import type { ExecutionRecord, StoreTransaction } from '../ports/index.ts';
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
interface RunNow {
  readonly plan: Plan;
  readonly execution: ExecutionRecord;
}

/** Stops a run cooperatively: nothing new starts, completed writes are undone, it ends `cancelled`. */
export const cancelExecution: Control<z.infer<typeof Input>> = control(
  'cancel-execution',
  'cancel',
  'cancel',
  Input,
);

/** Lets a run that waits (halted, an inconclusive check) try again. @throws AppError `conflict` for one that does not. */
export const resumeExecution: Control<z.infer<typeof Input>> = control(
  'resume-execution',
  'resume',
  'resume',
  Input,
  assertWaits,
);

/**
 * A person's word on a step whose outcome is unknown; the parked run goes on from it.
 * @throws AppError `not_found` for a step that the plan has not, `conflict` where nobody's word is asked for.
 */
export const resolveStep: Control<z.infer<typeof ResolveInput>> = control(
  'resolve-step',
  'resolve',
  'resolve_unknown',
  ResolveInput,
  assertAsked,
);

/** A run hears what it is told when it can; one that has ended hears nothing, which is a `conflict`. */
function control<I extends z.infer<typeof Input>>(
  name: string,
  verb: 'cancel' | 'resume' | 'resolve',
  signal: string,
  input: z.ZodType<I>,
  assertFits: (tx: StoreTransaction, run: RunNow, request: I) => void | Promise<void> = () => {},
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
        await assertFits(tx, { plan, execution: found }, request);
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

function assertWaits(_tx: StoreTransaction, { execution }: RunNow): void {
  const { execution_id: id, status, status_reason } = execution;
  if (status === 'parked' || status_reason.startsWith(HALTED_PREFIX)) return;
  throw new AppError('conflict', `Execution ${id} is ${status}; it does not wait for anybody to resume it.`);
}

async function assertAsked(
  tx: StoreTransaction,
  { plan, execution }: RunNow,
  { step_id }: z.infer<typeof ResolveInput>,
): Promise<void> {
  const { execution_id: id, status } = execution;
  const known = plan.steps.map((step) => step.step_id);
  if (!known.includes(step_id)) {
    throw new AppError(
      'not_found',
      `Execution ${id} has no step ${step_id}; its steps are: ${known.join(', ')}.`,
    );
  }
  const begun = (await tx.steps(id)).some((step) => step.step_id === step_id);
  if (status === 'parked' && begun) return;
  const why = begun ? `the execution is ${status}, not parked` : `step ${step_id} has not begun`;
  throw new AppError('conflict', `Nobody's word on ${step_id} of ${id} is asked for: ${why}.`);
}

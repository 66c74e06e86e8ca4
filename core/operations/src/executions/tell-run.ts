import type { Permission } from '@carapulse/governance';
import { AppError, idSchema, newId, type JsonObject } from '@carapulse/kernel';
import type { Plan } from '@carapulse/plan';
import type { RunSignal, Steering } from '@carapulse/workflows';
import { z } from 'zod';
import type { OperationContext, WriteOperation } from '../operation.ts';
import { loadPlan } from '../plans/load-plan.ts';
import type { ExecutionRecord, StoreTransaction } from '../ports/index.ts';
import { loadExecution } from './load-execution.ts';

export const RunInput = z.strictObject({
  execution_id: idSchema('execution'),
  reason: z.string().min(1).max(500),
});
export type RunInput = z.infer<typeof RunInput>;

export type TellRun<I> = WriteOperation<I, ExecutionRecord>;
export interface RunNow {
  readonly plan: Plan;
  readonly execution: ExecutionRecord;
}

interface RunVerb<I extends RunInput> {
  /** `verb-noun`. */
  readonly name: string;
  /** Its name in the audit trail is `execution.<verb>`. */
  readonly verb: string;
  readonly permission: Permission;
  readonly signal: RunSignal;
  readonly input: z.ZodType<I>;
  readonly peopleOnly?: true;
  /** What goes with the signal besides who, why and the rest of the request. */
  readonly payload?: JsonObject;
  /** Asked before anything is committed, outside the transaction. */
  readonly judge?: (context: OperationContext, run: RunNow, request: I) => Promise<void>;
  /** @throws AppError `conflict` saying what to do instead, where the run is not in a state for it. */
  readonly assertFits?: (tx: StoreTransaction, run: RunNow, request: I) => void | Promise<void>;
  readonly details?: (tx: StoreTransaction, run: RunNow) => Promise<JsonObject>;
  /** Said in the log besides the audit trail. */
  readonly announce?: string;
}

/**
 * A word of a person to a run: audited, then told. The run hears it in the order of its journal, so that of two at once
 * the first counts; one that has ended hears nothing, which is a `conflict`.
 */
export function tellRun<I extends RunInput>(verb: RunVerb<I>): TellRun<I> {
  const auditAction = `execution.${verb.verb}`;
  return {
    kind: 'write',
    name: verb.name,
    permission: verb.permission,
    auditAction,
    input: verb.input,
    run: async (context, request, commit) => {
      const { actor, services } = context;
      const { execution_id: id, reason, ...rest } = request;
      if (verb.peopleOnly === true && actor.kind !== 'human') {
        throw new AppError('forbidden', `${actor.id} is not a person; only people may ${verb.verb} a run.`);
      }
      const look = async (tx: Parameters<typeof loadExecution>[0]): Promise<RunNow> => {
        const execution = await loadExecution(tx, actor.tenant_id, id);
        if (execution.ended_at !== null) {
          throw new AppError(
            'conflict',
            `Execution ${id} has ended (${execution.status}); there is nothing left to ${verb.verb}.`,
          );
        }
        return { execution, plan: (await loadPlan(tx, actor.tenant_id, execution.plan_id)).plan };
      };
      if (verb.judge !== undefined) await verb.judge(context, await look(services.store.read), request);
      await commit(async (tx) => {
        const run = await look(tx);
        await verb.assertFits?.(tx, run, request);
        return {
          result: null,
          audit: {
            action: auditAction,
            phase: 'event',
            subject: { kind: 'execution', id },
            context: run.plan.context,
            outcome: { result: 'ok' },
            details: { reason, ...rest, ...(await verb.details?.(tx, run)) },
          },
          events: [],
        };
      });
      const signalId = newId('event', services.clock, services.random);
      const payload = { ...rest, ...verb.payload, by: actor.id, reason };
      await services.engine.signal(id, signalId, verb.signal, payload);
      if (verb.announce !== undefined) {
        services.logger.warn(verb.announce, { execution_id: id, by: actor.id, reason });
      }
      return loadExecution(services.store.read, actor.tenant_id, id);
    },
  };
}

/** In whose hands a run is, as far as it has told. */
export function holderOf({ steering }: ExecutionRecord): Steering['held'] {
  return steering?.held ?? null;
}

/** @throws AppError `conflict` for a run that a person has taken over, or is about to. */
export function assertNotTakenOver(run: RunNow): void {
  const { execution } = run;
  const held = holderOf(execution);
  if (held?.kind !== 'taken_over') return;
  const id = execution.execution_id;
  throw new AppError(
    'conflict',
    `Execution ${id} was taken over by ${held.by}; \`assistantctl exec handback ${id}\` or \`exec finish\` comes first.`,
  );
}

/**
 * What the run says of a step of its plan while it waits for people.
 * @throws AppError `not_found` for a step that the plan has not, `conflict` where the run does not wait.
 */
export function steeredStep(run: RunNow, stepId: string): Steering['steps'][number] {
  const { execution, plan } = run;
  const { execution_id: id } = execution;
  assertStep(run, stepId);
  const step = waitingSteering(execution).steps.find((each) => each.step_id === stepId);
  if (step === undefined)
    throw new AppError('internal', `Run ${id} of ${plan.plan_id} told nothing of ${stepId}.`);
  return step;
}

/** @throws AppError `not_found` naming the steps that there are. */
export function assertStep({ plan, execution }: RunNow, stepId: string): void {
  const known = plan.steps.map((step) => step.step_id);
  if (known.includes(stepId)) return;
  throw new AppError(
    'not_found',
    `Execution ${execution.execution_id} has no step ${stepId}; its steps are: ${known.join(', ')}.`,
  );
}

/** @throws AppError `conflict` for a run that does not wait for people. */
export function waitingSteering({ execution_id: id, status, steering }: ExecutionRecord): Steering {
  const waits = status === 'paused' || status === 'parked' || status === 'taken_over';
  if (!waits) {
    throw new AppError(
      'conflict',
      `Execution ${id} is ${status}, neither paused nor parked; \`assistantctl exec pause ${id}\` it first.`,
    );
  }
  if (steering === null) {
    throw new AppError(
      'conflict',
      `Execution ${id} was ${status} before runs told what may be done; \`assistantctl exec pause ${id}\` lets it tell.`,
    );
  }
  return steering;
}

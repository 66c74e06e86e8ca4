import { AppError } from '@carapulse/kernel';
import { z } from 'zod';
import { HALTED_PREFIX } from '../effects/change-run-status.ts';
import type { StoreTransaction } from '../ports/index.ts';
import { assertNotTakenOver, assertStep, RunInput, tellRun, type RunNow, type TellRun } from './tell-run.ts';

const ResolveInput = z.strictObject({
  ...RunInput.shape,
  step_id: z.string().min(1).max(63),
  outcome: z.enum(['done', 'not_done']),
});

/**
 * Stops a run cooperatively: nothing new starts, completed writes are undone, it ends `cancelled`. Lifts a pause.
 * @throws AppError `conflict` for a run that was taken over, or is paused on its way back.
 */
export const cancelExecution: TellRun<RunInput> = tellRun({
  name: 'cancel-execution',
  verb: 'cancel',
  permission: 'execution.control',
  signal: 'cancel',
  input: RunInput,
  assertFits: assertStoppable,
});

/**
 * Lets a run that waits (paused, halted, an inconclusive check) go on.
 * @throws AppError `conflict` for one that does not, or that was taken over.
 */
export const resumeExecution: TellRun<RunInput> = tellRun({
  name: 'resume-execution',
  verb: 'resume',
  permission: 'execution.control',
  signal: 'resume',
  input: RunInput,
  payload: { unpause: true },
  assertFits: assertWaits,
});

/**
 * A person's word on a step whose outcome is unknown; the parked run goes on from it.
 * @throws AppError `not_found` for a step that the plan has not, `conflict` where nobody's word is asked for.
 */
export const resolveStep: TellRun<z.infer<typeof ResolveInput>> = tellRun({
  name: 'resolve-step',
  verb: 'resolve',
  permission: 'execution.control',
  signal: 'resolve_unknown',
  input: ResolveInput,
  assertFits: assertAsked,
});

function assertStoppable(_tx: StoreTransaction, run: RunNow): void {
  assertNotTakenOver(run);
  const { execution_id: id, status, steering } = run.execution;
  if (status !== 'paused' || steering?.stopping !== true) return;
  throw new AppError(
    'conflict',
    `Execution ${id} is on its way back already and paused there; \`assistantctl exec resume ${id}\` goes on with it.`,
  );
}

function assertWaits(_tx: StoreTransaction, run: RunNow): void {
  assertNotTakenOver(run);
  const { execution_id: id, status, status_reason } = run.execution;
  if (status === 'parked' || status === 'paused' || status_reason.startsWith(HALTED_PREFIX)) return;
  throw new AppError('conflict', `Execution ${id} is ${status}; it does not wait for anybody to resume it.`);
}

async function assertAsked(
  tx: StoreTransaction,
  run: RunNow,
  { step_id }: z.infer<typeof ResolveInput>,
): Promise<void> {
  assertStep(run, step_id);
  const { execution_id: id, status } = run.execution;
  const begun = (await tx.steps(id)).some((step) => step.step_id === step_id);
  const waits = status === 'parked' || status === 'paused' || status === 'taken_over';
  if (waits && begun) return;
  const why = begun ? `the execution is ${status}, not parked` : `step ${step_id} has not begun`;
  throw new AppError('conflict', `Nobody's word on ${step_id} of ${id} is asked for: ${why}.`);
}

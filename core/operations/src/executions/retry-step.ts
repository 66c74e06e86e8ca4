import { AppError } from '@carapulse/kernel';
import { z } from 'zod';
import { RunInput, steeredStep, tellRun, type TellRun } from './tell-run.ts';

const Input = z.strictObject({ ...RunInput.shape, step_id: z.string().min(1).max(63) });

/**
 * One more attempt at a step that failed for good, or at an undo, of exactly the approved call, under a key of its own.
 * Authority, policy and leases are asked again as before every write. A paused run makes that attempt and stays paused.
 * @throws AppError `not_found` for a step that the plan has not, `conflict` saying why not and what to do instead.
 */
export const retryStep: TellRun<z.infer<typeof Input>> = tellRun({
  name: 'retry-step',
  verb: 'retry',
  permission: 'execution.control',
  signal: 'retry',
  input: Input,
  assertFits: (_tx, run, { execution_id: id, step_id }) => {
    const { retry } = steeredStep(run, step_id);
    if (retry === null) return;
    throw new AppError('conflict', `Step ${step_id} of ${id} is not tried again: ${retry}.`);
  },
});

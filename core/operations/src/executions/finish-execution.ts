import { AppError } from '@carapulse/kernel';
import { z } from 'zod';
import { RunInput, tellRun, type TellRun } from './tell-run.ts';

const Input = z.strictObject({ ...RunInput.shape, as: z.enum(['succeeded', 'rolled_back', 'failed']) });

/**
 * Ends a run that was taken over, as the person who did its work says. What they call succeeded was not verified here and
 * ends as `succeeded_with_skips`. Humans only.
 * @throws AppError `forbidden` for a service or agent, `conflict` for a run that is not taken over, or not yet at rest.
 */
export const finishExecution: TellRun<z.infer<typeof Input>> = tellRun({
  name: 'finish-execution',
  verb: 'finish',
  permission: 'execution.takeover',
  signal: 'finish_by_hand',
  input: Input,
  peopleOnly: true,
  announce: 'a run was ended by hand',
  assertFits: (_tx, { execution }) => {
    const { execution_id: id, status, status_reason } = execution;
    if (status === 'taken_over') return;
    throw new AppError(
      'conflict',
      `Execution ${id} is ${status}${status_reason === '' ? '' : ` (${status_reason})`}; only one that was taken over and is at rest is ended by hand: \`assistantctl exec takeover ${id}\`.`,
    );
  },
});

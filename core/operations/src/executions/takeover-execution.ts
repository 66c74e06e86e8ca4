import { AppError } from '@carapulse/kernel';
import { z } from 'zod';
import { holderOf, RunInput, tellRun, type TellRun } from './tell-run.ts';

const Input = z.strictObject({
  ...RunInput.shape,
  reason: z.string().min(10, 'say in a sentence why a person must take over').max(500),
});

/**
 * Takes a run into a person's hands: the engine starts nothing more, forward or back, and gives no lease back, until
 * somebody hands it back or ends it by their word. Announced as breaking the glass is, with the state of the steps, and
 * due for review. Humans only.
 * @throws AppError `forbidden` for a service or agent, `conflict` for a run that was taken over or has not begun.
 */
export const takeoverExecution: TellRun<z.infer<typeof Input>> = tellRun({
  name: 'takeover-execution',
  verb: 'takeover',
  permission: 'execution.takeover',
  signal: 'takeover',
  input: Input,
  peopleOnly: true,
  announce: 'a run was taken over',
  assertFits: (_tx, { execution }) => {
    const { execution_id: id, status } = execution;
    const held = holderOf(execution);
    if (held?.kind === 'taken_over') {
      throw new AppError(
        'conflict',
        `Execution ${id} was taken over by ${held.by} already (${held.reason}); agree with them who goes on.`,
      );
    }
    if (status === 'queued') {
      throw new AppError(
        'conflict',
        `Execution ${id} has not begun; \`assistantctl exec cancel ${id}\` stops it.`,
      );
    }
  },
  details: async (tx, { execution }) => ({
    status: execution.status,
    steps: (await tx.steps(execution.execution_id)).map(({ step_id, status, attempts }) => ({
      step_id,
      status,
      attempts,
    })),
    review: 'due',
  }),
});

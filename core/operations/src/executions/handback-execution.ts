import { AppError } from '@carapulse/kernel';
import { holderOf, RunInput, tellRun, type TellRun } from './tell-run.ts';

/**
 * Gives a run that was taken over back to the engine, which goes on from where it was: failures that waited have their
 * consequence now. Anybody who may take over may hand back. Humans only.
 * @throws AppError `forbidden` for a service or agent, `conflict` for a run that nobody has taken over.
 */
export const handbackExecution: TellRun<RunInput> = tellRun({
  name: 'handback-execution',
  verb: 'handback',
  permission: 'execution.takeover',
  signal: 'handback',
  input: RunInput,
  peopleOnly: true,
  assertFits: (_tx, { execution }) => {
    if (holderOf(execution)?.kind === 'taken_over') return;
    const { execution_id: id, status } = execution;
    throw new AppError('conflict', `Execution ${id} is ${status}; nobody has taken it over.`);
  },
});

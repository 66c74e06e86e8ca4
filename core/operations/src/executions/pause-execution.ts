import { AppError } from '@carapulse/kernel';
import type { StoreTransaction } from '../ports/index.ts';
import { assertNotTakenOver, holderOf, RunInput, tellRun, type RunNow, type TellRun } from './tell-run.ts';

/**
 * Lets a run start nothing more, forward or back, until somebody resumes it; what is under way is awaited, and if it
 * fails, a person decides what follows. The maximum run time goes on counting, leases are kept.
 * @throws AppError `conflict` for a run that is in somebody's hands already.
 */
export const pauseExecution: TellRun<RunInput> = tellRun({
  name: 'pause-execution',
  verb: 'pause',
  permission: 'execution.control',
  signal: 'pause',
  input: RunInput,
  assertFits: assertFree,
});

function assertFree(_tx: StoreTransaction, run: RunNow): void {
  assertNotTakenOver(run);
  const held = holderOf(run.execution);
  if (held === null) return;
  const { execution_id: id } = run.execution;
  throw new AppError(
    'conflict',
    `Execution ${id} was paused by ${held.by} already (${held.reason}); \`assistantctl exec show ${id}\` tells what may be done.`,
  );
}

import { toAppError } from '@carapulse/kernel';
import { HALTED_PREFIX } from '../effects/change-run-status.ts';
import type { Services } from '../services.ts';

/**
 * Lets runs go on that wait for a halt which has ended, whoever ended it: the operation, or `carapulse resume` from
 * another process. The signal's id is that of the wait, so that telling it twice is telling it once.
 * @returns how many were told.
 */
export async function resumeHalted(services: Services, signal: AbortSignal): Promise<number> {
  let told = 0;
  for (const execution of await services.store.read.waitingExecutions(HALTED_PREFIX, 100)) {
    if (signal.aborted) break;
    const record = await services.store.read.plan(execution.tenant_id, execution.plan_id);
    if (record === null || services.halt.state(record.plan.context) !== null) continue;
    const { execution_id: id, revision } = execution;
    try {
      await services.engine.signal(id, `${id}/halt-ended/${revision}`, 'resume', { by: 'service:scheduler' });
      told += 1;
    } catch (error) {
      services.logger.error('a halted run could not be told to go on', {
        execution_id: id,
        cause: toAppError(error).message,
      });
    }
  }
  return told;
}

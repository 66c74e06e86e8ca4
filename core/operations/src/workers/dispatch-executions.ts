import { toAppError, toTimestamp, type JsonObject } from '@carapulse/kernel';
import type { Services } from '../services.ts';

/**
 * Starts the run of each queued execution under the execution's own id, so that doing it twice starts one run. A crash
 * between start and the row's completion is repeated by the next pass.
 * @returns how many dispatch rows were completed.
 */
export async function dispatchExecutions(services: Services, signal: AbortSignal): Promise<number> {
  let started = 0;
  for (const row of await services.store.read.pendingDispatches(100)) {
    if (signal.aborted) break;
    try {
      const record = await services.store.read.plan(services.settings.tenantId, row.plan_id);
      if (record === null) continue;
      await services.engine.start(row.execution_id, 'plan', {
        execution_id: row.execution_id,
        // A parsed plan is plain JSON; its optional fields are absent, not undefined.
        plan: record.plan as unknown as JsonObject,
      });
      await services.store.transaction((tx) =>
        tx.completeDispatch(row.execution_id, toTimestamp(services.clock.nowMs())),
      );
      started += 1;
    } catch (error) {
      services.logger.error('a dispatch failed and is tried again', {
        execution_id: row.execution_id,
        cause: toAppError(error).message,
      });
    }
  }
  return started;
}

import { parseInput, toAppError, toTimestamp, type AppError } from '@carapulse/kernel';
import { Plan } from '@carapulse/plan';
import { planRunInput } from '@carapulse/workflows';
import type { PlanRecord } from '../ports/index.ts';
import type { Services } from '../services.ts';
import { abandonDispatch } from './abandon-dispatch.ts';

/**
 * Starts the run of each queued execution under the execution's own id, so that doing it twice starts one run. A crash
 * between start and the row's completion is repeated by the next pass. A plan that no longer parses can't be run by any
 * pass: its execution fails. @returns how many runs were started.
 */
export async function dispatchExecutions(services: Services, signal: AbortSignal): Promise<number> {
  let started = 0;
  for (const row of await services.store.read.pendingDispatches(100)) {
    if (signal.aborted) break;
    try {
      if (await dispatch(services, row, signal)) started += 1;
    } catch (error) {
      services.logger.error('a dispatch failed and is tried again', {
        execution_id: row.execution_id,
        cause: toAppError(error).message,
      });
    }
  }
  return started;
}

async function dispatch(
  services: Services,
  { execution_id, plan_id }: { readonly execution_id: string; readonly plan_id: string },
  signal: AbortSignal,
): Promise<boolean> {
  const { store, engine, settings, clock } = services;
  const record = await store.read.plan(settings.tenantId, plan_id);
  if (record === null) return false;
  const fault = faultOf(record);
  if (fault !== null) {
    const execution = await store.read.execution(settings.tenantId, execution_id);
    const begun = (await engine.status(execution_id)).kind !== 'absent';
    if (execution?.status === 'queued' && !begun) {
      const reason = `the stored plan is damaged and cannot run (${fault.message}); make a new one`;
      await abandonDispatch(services, execution, record, reason, signal);
      return false;
    }
  } else {
    await engine.start(execution_id, 'plan', planRunInput(execution_id, record.plan));
  }
  await store.transaction((tx) => tx.completeDispatch(execution_id, toTimestamp(clock.nowMs())));
  return fault === null;
}

function faultOf(record: PlanRecord): AppError | null {
  try {
    parseInput(Plan, record.plan, 'It');
    return null;
  } catch (error) {
    return toAppError(error);
  }
}

import { AppError } from '@carapulse/kernel';
import type { ExecutionRecord, StoreReads } from '../ports/index.ts';

/** @throws AppError `not_found` also for another tenant's execution. */
export async function loadExecution(
  reads: StoreReads,
  tenantId: string,
  executionId: string,
): Promise<ExecutionRecord> {
  const record = await reads.execution(tenantId, executionId);
  if (record === null) {
    throw new AppError(
      'not_found',
      `There is no execution ${executionId}; \`assistantctl exec list\` shows those there are.`,
    );
  }
  return record;
}

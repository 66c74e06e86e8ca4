import { AppError } from '@carapulse/kernel';
import type { ApprovalRecord, ExecutionRecord, PlanRecord } from '../ports/index.ts';
import type { Services } from '../services.ts';

export interface Run {
  readonly execution: ExecutionRecord;
  readonly record: PlanRecord;
  readonly plan: PlanRecord['plan'];
  readonly approvals: readonly ApprovalRecord[];
}

/** Everything stored about one run, as it is now. @throws AppError `not_found`. */
export async function loadRun(
  services: Pick<Services, 'store' | 'settings'>,
  executionId: string,
): Promise<Run> {
  const { read } = services.store;
  const execution = await read.execution(services.settings.tenantId, executionId);
  const record = execution === null ? null : await read.plan(execution.tenant_id, execution.plan_id);
  if (execution === null || record === null) {
    throw new AppError('not_found', `There is no execution ${executionId} with a plan in this installation.`);
  }
  return { execution, record, plan: record.plan, approvals: await read.approvals(execution.plan_id) };
}

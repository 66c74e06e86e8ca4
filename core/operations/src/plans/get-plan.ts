import { countApprovals, type ApprovalCount } from '@carapulse/approval';
import { idSchema } from '@carapulse/kernel';
import { z } from 'zod';
import { liveStatements } from '../approvals/live-statements.ts';
import type { ReadOperation } from '../operation.ts';
import type { ApprovalRecord, ExecutionRecord, PlanRecord } from '../ports/index.ts';
import { loadPlan } from './load-plan.ts';

const Input = z.strictObject({ plan_id: idSchema('plan') });

export interface PlanDetail {
  readonly record: PlanRecord;
  readonly approvals: readonly ApprovalRecord[];
  readonly execution: ExecutionRecord | null;
  /** What counts now, by the trust store. */
  readonly count: ApprovalCount;
}

/** One plan with its approvals and its execution, if it has one. */
export const getPlan: ReadOperation<z.infer<typeof Input>, PlanDetail> = {
  kind: 'read',
  name: 'get-plan',
  permission: 'plan.read',
  input: Input,
  run: async ({ actor, services }, { plan_id }) => {
    const record = await loadPlan(services.store.read, actor.tenant_id, plan_id);
    const approvals = await services.store.read.approvals(plan_id);
    const execution = await services.store.read.executionOfPlan(plan_id);
    const now = services.clock.nowMs();
    const count = countApprovals(record.plan, liveStatements(approvals), services.trust, now);
    return { record, approvals, execution, count };
  },
};

import { idSchema } from '@carapulse/kernel';
import { z } from 'zod';
import type { ReadOperation } from '../operation.ts';
import { loadPlan } from '../plans/load-plan.ts';
import type { ApprovalRecord } from '../ports/index.ts';

const Input = z.strictObject({ plan_id: idSchema('plan') });

/** What was decided about one plan, oldest first. What waits for a decision is `list-plans` by status. */
export const listApprovals: ReadOperation<z.infer<typeof Input>, readonly ApprovalRecord[]> = {
  kind: 'read',
  name: 'list-approvals',
  permission: 'approval.read',
  input: Input,
  run: async ({ actor, services }, { plan_id }) => {
    await loadPlan(services.store.read, actor.tenant_id, plan_id);
    return services.store.read.approvals(plan_id);
  },
};

import { toTimestamp } from '@carapulse/kernel';
import { PLAN_TRANSITIONS, type PlanStatus } from '@carapulse/plan';
import { commitAudited, type Committed, type OperationContext } from '../operation.ts';
import { changePlanStatus } from '../plans/change-plan-status.ts';
import type { PlanRecord } from '../ports/index.ts';

/** Plans under which something may still be written. */
const LIVE: readonly PlanStatus[] = ['awaiting_approval', 'held', 'approved', 'executing', 'parked'];

/**
 * After a restore, or a failover that lost writes: halts everything, and closes each plan that the database takes for
 * alive, since what was decided or done about it later is lost. Plans without a run become stale; runs end or park at
 * their next write. Repeatable. @returns how many plans were closed.
 */
export async function fenceInstallation(context: OperationContext, why: string): Promise<number> {
  const { services, actor } = context;
  const reason = `the database is not what it was: ${why}`;
  await services.halt.halt('*', reason, actor.id, toTimestamp(services.clock.nowMs()));
  const plans = await livePlans(context);
  for (const { plan } of plans) await services.closePlan(plan.plan_id, reason.slice(0, 500));
  await commitAudited(context, async (tx) => {
    const events: Array<Committed<null>['events'][number]> = [];
    for (const record of plans) {
      if (!PLAN_TRANSITIONS[record.status].includes('stale') || record.status === 'executing') continue;
      if ((await tx.executionOfPlan(record.plan.plan_id)) !== null) continue;
      events.push(await changePlanStatus(tx, services, record, 'stale', reason.slice(0, 500)));
    }
    return {
      result: null,
      audit: {
        action: 'installation.fence',
        phase: 'event',
        subject: { kind: 'installation', id: services.settings.tenantId },
        outcome: { result: 'ok' },
        details: { reason: why, closed_plans: plans.map(({ plan }) => plan.plan_id).slice(0, 1000) },
      },
      events,
    };
  });
  return plans.length;
}

async function livePlans({ services, actor }: OperationContext): Promise<readonly PlanRecord[]> {
  const found: PlanRecord[] = [];
  let after: string | null = null;
  do {
    const page = await services.store.read.plans(actor.tenant_id, { status: LIVE }, { limit: 200, after });
    found.push(...page.items);
    after = page.next;
  } while (after !== null);
  return found;
}

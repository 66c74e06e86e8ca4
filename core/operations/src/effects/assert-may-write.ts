import { countApprovals, EVER } from '@carapulse/approval';
import type { ApprovalCount } from '@carapulse/approval';
import { AppError, toTimestamp } from '@carapulse/kernel';
import { planPolicyInput } from '@carapulse/plan';
import { isStricter } from '@carapulse/policy';
import { liveStatements } from '../approvals/live-statements.ts';
import type { Services } from '../services.ts';
import type { Run } from './load-run.ts';

/** The actor in whose name a plan is judged again: who asked for it, as a service acting on the plan's behalf. */
function planActor(run: Run, services: Services) {
  const { created_by } = run.plan;
  return {
    id: created_by,
    kind: created_by.startsWith('service:') ? ('service' as const) : ('human' as const),
    tenant_id: services.settings.tenantId,
    roles: [],
    groups: [],
    assurance: 'service' as const,
  };
}

/**
 * Asks again, before each forward write, what was asked at approval: authority (roles and keys as they are now),
 * revocation, expiry of the first write, and policy. A decision that is stricter than the approved one refuses.
 * @throws AppError `approval_required`, `plan_expired`, `policy_denied`, each with a name in `details.reason`.
 */
export async function assertMayWrite(services: Services, run: Run, signal: AbortSignal): Promise<void> {
  const { plan, execution } = run;
  const nowMs = services.clock.nowMs();
  if (execution.first_write_at === null && nowMs >= Date.parse(plan.expires_at)) {
    throw new AppError(
      'plan_expired',
      `Plan ${plan.plan_id} expired at ${plan.expires_at} before its first write.`,
      {
        details: { reason: 'plan_expired' },
      },
    );
  }
  const count = countNow(services, run, nowMs);
  if (!count.satisfied) {
    const why = count.refused
      .map((each) => `${each.approver}: ${each.reason.replaceAll('_', ' ')}`)
      .join('; ');
    throw new AppError(
      'approval_required',
      `Plan ${plan.plan_id} has ${count.have} of ${count.needed} approvals now${why && ` (${why})`}.`,
      {
        details: {
          reason: count.refused[0]?.reason ?? (count.deniedBy === null ? 'approvals_missing' : 'plan_denied'),
        },
      },
    );
  }
  await assertPolicyHolds(services, run, signal);
}

/** The approvals that count now; a run that has begun is judged as it began. */
function countNow(services: Services, { plan, execution, approvals }: Run, nowMs: number): ApprovalCount {
  const begunMs = execution.first_write_at === null ? nowMs : Date.parse(execution.first_write_at);
  const at = { validAtMs: begunMs, revokedByMs: EVER };
  return countApprovals(plan, liveStatements(approvals), services.trust, at);
}

/** @throws AppError `policy_denied` when policy now denies the plan or is stricter than what was approved. */
async function assertPolicyHolds(services: Services, run: Run, signal: AbortSignal): Promise<void> {
  const { plan } = run;
  const nowMs = services.clock.nowMs();
  const { breakGlass, breakGlassBy } = countNow(services, run, nowMs);
  const cause = breakGlass?.break_glass ?? null;
  const input = planPolicyInput(plan, {
    actor: breakGlassBy ?? planActor(run, services),
    phase: 'dispatch',
    breakGlass:
      breakGlass === null || cause === null ? null : { ...cause, expires_at: breakGlass.expires_at },
    stage: services.settings.stage,
    time: toTimestamp(nowMs),
  });
  const decision = await services.policy.decide(input, signal);
  if (decision.decision !== 'deny' && !isStricter(decision, plan.policy)) return;
  const reasons = decision.reasons.map((reason) => `${reason.rule}: ${reason.message}`).join('; ');
  throw new AppError(
    'policy_denied',
    `Policy no longer lets plan ${plan.plan_id} run as approved: ${reasons}.`,
    {
      details: { reason: decision.decision === 'deny' ? 'policy_denies' : 'policy_stricter' },
    },
  );
}

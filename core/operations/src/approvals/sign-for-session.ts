import { signBody, type ApprovalStatement, type SignedStatement } from '@carapulse/approval';
import { toTimestamp } from '@carapulse/kernel';
import type { Plan } from '@carapulse/plan';
import type { OperationContext } from '../operation.ts';
import type { Services } from '../services.ts';

/** How long a statement on this plan may stand: what policy says, else the installation's default, in milliseconds. */
function statementTtlMs(plan: Plan, settings: Services['settings']): number {
  let ttl = settings.approvalTtlMs;
  for (const constraint of plan.policy.constraints) {
    if (constraint.kind === 'approval_ttl') ttl = Math.min(ttl, constraint.max_ms);
  }
  return ttl;
}

/**
 * The gateway's own word for a person whom it verified by token and who has no key: a lower assurance than the
 * person's signature, which policy can refuse by `min_assurance`.
 */
export async function signForSession(
  { actor, services }: OperationContext,
  plan: Plan,
  said: {
    readonly verdict: ApprovalStatement['verdict'];
    readonly comment: string;
    readonly breakGlass: ApprovalStatement['break_glass'];
  },
): Promise<SignedStatement> {
  const nowMs = services.clock.nowMs();
  const expiresMs = Math.min(nowMs + statementTtlMs(plan, services.settings), Date.parse(plan.expires_at));
  return signBody(
    {
      type: 'carapulse.approval.v1',
      verdict: said.verdict,
      plan_id: plan.plan_id,
      plan_hash: plan.plan_hash,
      requested_by: plan.created_by,
      approver: actor.id,
      attested: { roles: actor.roles, groups: actor.groups },
      assurance: actor.assurance === 'local' ? 'local' : 'session',
      break_glass: said.breakGlass,
      comment: said.comment,
      issued_at: toTimestamp(nowMs),
      expires_at: toTimestamp(expiresMs),
      nonce: Buffer.from(services.random.bytes(16)).toString('hex'),
    },
    services.gatewaySigner,
  );
}

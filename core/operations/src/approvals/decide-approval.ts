import { assertMade, countApprovals, SignedStatement, type ApprovalCount } from '@carapulse/approval';
import { AppError, idSchema, newId, toTimestamp } from '@carapulse/kernel';
import { z } from 'zod';
import type { OperationContext, WriteOperation } from '../operation.ts';
import { assertNotExpired } from '../plans/assert-not-expired.ts';
import { changePlanStatus } from '../plans/change-plan-status.ts';
import { dispatchPlan } from '../plans/dispatch-plan.ts';
import { loadPlan } from '../plans/load-plan.ts';
import type { PlanRecord, StoreTransaction } from '../ports/index.ts';
import { liveStatements } from './live-statements.ts';
import { recordCount } from './record-count.ts';
import { signForSession } from './sign-for-session.ts';

const Input = z.strictObject({
  plan_id: idSchema('plan'),
  /** The hash the person has seen; another one is refused as a changed plan. */
  plan_hash: z.string(),
  verdict: z.enum(['approve', 'deny']),
  comment: z.string().max(2000).default(''),
  /** Signed by the person's own key; without it the gateway signs for the session. */
  statement: SignedStatement.optional(),
});
type Input = z.infer<typeof Input>;

export interface ApprovalOutcome {
  readonly approval_id: string;
  readonly record: PlanRecord;
  readonly count: ApprovalCount;
  readonly execution_id: string | null;
}

/**
 * Records one person's decision on one plan. One denial denies; the approval that completes the quorum also queues
 * the execution, in the same transaction.
 * @throws AppError `approval_invalid` with the refusal's name in `details.reason`, `plan_stale` when the hash is
 * another plan's, `plan_expired`, `forbidden_transition`, `conflict`.
 */
export const decideApproval: WriteOperation<Input, ApprovalOutcome> = {
  kind: 'write',
  name: 'decide-approval',
  permission: 'approval.decide',
  auditAction: 'approval.decide',
  input: Input,
  run: async (context, input, commit) => {
    const { actor, services } = context;
    const seen = await loadPlan(services.store.read, actor.tenant_id, input.plan_id);
    const statement = await statementFor(context, seen, input);
    const approvalId = newId('approval', services.clock, services.random);
    const { count, executionId } = await commit(async (tx) => {
      const record = await loadPlan(tx, actor.tenant_id, input.plan_id);
      assertDecidable(record, input, services.clock.nowMs());
      const earlier = liveStatements(await tx.approvals(input.plan_id));
      const nowMs = services.clock.nowMs();
      const count = countApprovals(record.plan, [...earlier, statement], services.trust, nowMs);
      assertCounts(count, statement, earlier.length);
      await tx.insertApproval({
        approval_id: approvalId,
        plan_id: input.plan_id,
        tenant_id: actor.tenant_id,
        statement,
        decided_at: toTimestamp(nowMs),
        revoked_at: null,
        revoked_by: null,
      });
      const moved = await move(tx, context, record, count);
      return {
        result: { count, executionId: moved.executionId },
        audit: {
          action: 'approval.decide',
          phase: 'event',
          subject: { kind: 'plan', id: input.plan_id },
          context: record.plan.context,
          outcome: { result: 'ok' },
          details: {
            approval_id: approvalId,
            verdict: input.verdict,
            plan_hash: record.plan.plan_hash,
            assurance: statement.body.assurance,
            have: count.have,
            needed: count.needed,
            comment: input.comment,
          },
        },
        events: moved.events,
      };
    });
    if (count.deniedBy !== null) await services.closePlan(input.plan_id, `denied by ${actor.id}`);
    const record = await loadPlan(services.store.read, actor.tenant_id, input.plan_id);
    return { approval_id: approvalId, record, count, execution_id: executionId };
  },
};

async function statementFor(
  context: OperationContext,
  seen: PlanRecord,
  input: Input,
): Promise<SignedStatement> {
  if (input.statement === undefined) {
    return signForSession(context, seen.plan, {
      verdict: input.verdict,
      comment: input.comment,
      breakGlass: null,
    });
  }
  const { body } = input.statement;
  if (body.approver !== context.actor.id || body.verdict !== input.verdict || body.break_glass !== null) {
    throw new AppError(
      'approval_invalid',
      'The signed statement says something else than the request; sign it again.',
      {
        details: { reason: 'statement_differs' },
      },
    );
  }
  return input.statement;
}

function assertDecidable(record: PlanRecord, input: Input, nowMs: number): void {
  const { plan } = record;
  if (plan.plan_hash !== input.plan_hash) {
    throw new AppError(
      'plan_stale',
      `Plan ${plan.plan_id} has the hash ${plan.plan_hash}, not the one you decided on; look at it again.`,
      {
        details: { reason: 'other_hash' },
      },
    );
  }
  assertNotExpired(plan, nowMs);
  assertMade(plan, nowMs);
  const open =
    record.status === 'awaiting_approval' || (record.status === 'approved' && input.verdict === 'deny');
  if (!open) {
    throw new AppError(
      'forbidden_transition',
      `Plan ${plan.plan_id} is ${record.status}; nothing waits for a decision.`,
      {
        details: { from: record.status },
      },
    );
  }
}

function assertCounts(count: ApprovalCount, statement: SignedStatement, earlier: number): void {
  const { approver, verdict } = statement.body;
  if (verdict === 'deny' ? count.deniedBy !== null : count.approvers.includes(approver)) {
    const twice = count.refused.some(
      (each) => each.approver === approver && each.reason === 'approver_counted_already',
    );
    if (!twice) return;
  }
  const reason = count.refused.findLast((each) => each.approver === approver)?.reason ?? 'signature_invalid';
  throw new AppError(
    'approval_invalid',
    `The decision of ${approver} does not count: ${reason.replaceAll('_', ' ')}.`,
    {
      details: { reason, counted_before: earlier },
    },
  );
}

/** Where the decision takes the plan. */
async function move(
  tx: StoreTransaction,
  context: OperationContext,
  record: PlanRecord,
  count: ApprovalCount,
) {
  const { services, actor } = context;
  if (count.deniedBy !== null) {
    const event = await changePlanStatus(tx, services, record, 'denied', `denied by ${actor.id}`);
    return { executionId: null, events: [event] };
  }
  if (!count.satisfied) {
    return { executionId: null, events: [await recordCount(tx, services, record, count)] };
  }
  const event = await changePlanStatus(
    tx,
    services,
    record,
    'approved',
    `approved by ${count.approvers.join(', ')}`,
  );
  const dispatched = await dispatchPlan(tx, services, record);
  return { executionId: dispatched.executionId, events: [event, dispatched.event] };
}

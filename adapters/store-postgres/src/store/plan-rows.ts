import type { ApprovalRecord, PlanRecord, StoreReads, StoreTransaction } from '@carapulse/operations';
import { isAutomatic, type Plan } from '@carapulse/plan';
import { AppError } from '@carapulse/kernel';
import { toPage } from './page.ts';
import type { Session } from './session.ts';
import { staleRevision } from './store-error.ts';
import { freeText, indexKey } from './text.ts';

export type PlanReads = Pick<StoreReads, 'plan' | 'plans' | 'approvals' | 'duePlans'>;
export type PlanWrites = Pick<
  StoreTransaction,
  'insertPlan' | 'updatePlan' | 'insertApproval' | 'revokeApproval'
>;

const PLAN_COLUMNS = ['document', 'tenant_id', 'status', 'status_reason', 'revision', 'updated_at'] as const;

export function planReads(session: Session): PlanReads {
  return {
    async plan(tenantId, planId) {
      const row = await session()
        .selectFrom('plans')
        .select(PLAN_COLUMNS)
        .where('tenant_id', '=', tenantId)
        .where('plan_id', '=', indexKey(planId))
        .executeTakeFirst();
      return row === undefined ? null : planRecord(row);
    },
    async plans(tenantId, filter, page) {
      let query = session().selectFrom('plans').select(PLAN_COLUMNS).where('tenant_id', '=', tenantId);
      if (filter.status !== undefined) query = query.where('status', 'in', [...filter.status]);
      if (filter.incident_id !== undefined)
        query = query.where('incident_id', '=', indexKey(filter.incident_id));
      if (page.after !== null) query = query.where('plan_id', '<', indexKey(page.after));
      const rows = await query
        .orderBy('plan_id', 'desc')
        .limit(page.limit + 1)
        .execute();
      return toPage(rows, page, (row) => row.document.plan_id, planRecord);
    },
    async approvals(planId) {
      const rows = await session()
        .selectFrom('approvals')
        .select([
          'approval_id',
          'plan_id',
          'tenant_id',
          'statement',
          'decided_at',
          'revoked_at',
          'revoked_by',
        ])
        .where('plan_id', '=', indexKey(planId))
        .orderBy('decided_at')
        .orderBy('approval_id')
        .execute();
      return rows satisfies readonly ApprovalRecord[];
    },
    async duePlans(nowIso, limit) {
      const rows = await session()
        .selectFrom('plans')
        .select(PLAN_COLUMNS)
        .where('status', 'in', ['awaiting_approval', 'held', 'approved'])
        .where('expires_at', '<=', nowIso)
        .orderBy('expires_at')
        .orderBy('plan_id')
        .limit(limit)
        .execute();
      return rows.map((row) => planRecord(row));
    },
  };
}

export function planWrites(session: Session): PlanWrites {
  return {
    async insertPlan({ plan, ...record }) {
      await session()
        .insertInto('plans')
        .values({
          plan_id: plan.plan_id,
          tenant_id: record.tenant_id,
          plan_hash: plan.plan_hash,
          status: record.status,
          status_reason: freeText(record.status_reason),
          automated: isAutomatic(plan.trigger) && plan.origin.planner !== 'break_glass',
          resources: plan.blast_radius.resources.map((resource) => indexKey(resource)),
          environment: indexKey(plan.context.environment),
          incident_id: plan.incident_id,
          expires_at: plan.expires_at,
          document: JSON.stringify(plan),
          revision: record.revision,
          updated_at: record.updated_at,
        })
        .execute();
    },
    async updatePlan(planId, expectedRevision, change) {
      const done = await session()
        .updateTable('plans')
        .set({
          status: change.status,
          status_reason: freeText(change.status_reason),
          updated_at: change.updated_at,
          revision: expectedRevision + 1,
        })
        .where('plan_id', '=', planId)
        .where('revision', '=', expectedRevision)
        .executeTakeFirst();
      if (done.numUpdatedRows === 1n) return;
      const found = await session()
        .selectFrom('plans')
        .select('revision')
        .where('plan_id', '=', planId)
        .executeTakeFirst();
      throw staleRevision('plan', planId, expectedRevision, found?.revision);
    },
    async insertApproval(record) {
      const { body } = record.statement;
      await session()
        .insertInto('approvals')
        .values({
          approval_id: record.approval_id,
          plan_id: record.plan_id,
          plan_hash: body.plan_hash,
          tenant_id: record.tenant_id,
          approver: indexKey(body.approver),
          verdict: body.verdict,
          nonce: indexKey(body.nonce),
          statement: JSON.stringify(record.statement),
          decided_at: record.decided_at,
          revoked_at: record.revoked_at,
          revoked_by: record.revoked_by,
        })
        .execute();
    },
    async revokeApproval(approvalId, by, at) {
      const done = await session()
        .updateTable('approvals')
        .set({ revoked_by: freeText(by), revoked_at: at })
        .where('approval_id', '=', approvalId)
        .where('revoked_at', 'is', null)
        .executeTakeFirst();
      if (done.numUpdatedRows === 1n) return;
      const found = await session()
        .selectFrom('approvals')
        .select('revoked_by')
        .where('approval_id', '=', approvalId)
        .executeTakeFirst();
      if (found === undefined) throw staleRevision('approval', approvalId, 0, undefined);
      throw new AppError(
        'conflict',
        `The approval ${approvalId} was revoked already, by ${found.revoked_by}.`,
      );
    },
  };
}

function planRecord({
  document,
  ...row
}: Omit<PlanRecord, 'plan'> & { readonly document: Plan }): PlanRecord {
  return { plan: document, ...row };
}

import { generateKeyPairSync, sign } from 'node:crypto';
import { installationPaths } from '@carapulse/carapulse/composition';
import { signBody, type ApprovalStatement, type SignedStatement } from '@carapulse/approval';
import { openDatabase } from '@carapulse/store-postgres';
import type { PlanView, World } from './world.ts';

/** Somebody who owns the database and nothing else: every row, no key, no file beside it. */
export interface DatabaseOwner {
  query(sql: string, values?: readonly unknown[]): Promise<ReadonlyArray<Record<string, unknown>>>;
  /** Makes the dispatcher take the plan up as if it had been approved and had never run. */
  dispatch(plan: PlanView): Promise<string>;
  approve(plan: PlanView, statement: SignedStatement): Promise<void>;
  editPlan(plan: PlanView, document: object): Promise<void>;
}

/** Lets the owner at the database while nothing else has it; no trigger is in their way. */
export async function asDatabaseOwner<T>(
  world: World,
  work: (owner: DatabaseOwner) => Promise<T>,
): Promise<T> {
  const database = await openDatabase({
    kind: 'pglite',
    directory: installationPaths(world.installation).database,
  });
  const query = async (sql: string, values: readonly unknown[] = []) =>
    (await database.pool.query(sql, [...values])).rows as ReadonlyArray<Record<string, unknown>>;
  try {
    await query('set session_replication_role = replica');
    return await work({
      query,
      dispatch: async ({ plan }) => {
        const [known] = await query('select execution_id from executions where plan_id = $1', [plan.plan_id]);
        const id =
          known === undefined ? plan.plan_id.replace(/^pl_/, 'ex_') : (known['execution_id'] as string);
        for (const table of [
          'dispatches',
          'execution_steps',
          'execution_checks',
          'execution_logs',
          'tool_calls',
        ])
          await query(`delete from ${table} where execution_id = $1`, [id]);
        await query('delete from evidence where execution_id = $1', [id]);
        await query('delete from executions where execution_id = $1', [id]);
        await query('delete from leases');
        for (const table of ['runs', 'journal', 'signals'])
          await query(`delete from durable.${table} where run_id = $1`, [id]);
        await query('delete from dbos.workflow_status where workflow_uuid = $1', [id]);
        await query(
          `insert into executions (execution_id, plan_id, tenant_id, status, status_reason, epoch, queued_at, revision)
           values ($1, $2, 'default', 'queued', '', 0, now(), 1)`,
          [id, plan.plan_id],
        );
        await query('insert into dispatches (execution_id, plan_id, queued_at) values ($1, $2, now())', [
          id,
          plan.plan_id,
        ]);
        await query(`update plans set status = 'approved' where plan_id = $1`, [plan.plan_id]);
        return id;
      },
      approve: async ({ plan }, statement) => {
        await query(
          `insert into approvals (approval_id, plan_id, plan_hash, tenant_id, approver, verdict, nonce, statement, decided_at)
           values ($1, $2, $3, 'default', $4, 'approve', $5, $6, now())`,
          [
            `ap_${Buffer.from(statement.body.nonce).toString('hex').slice(0, 20)}${Math.random()}`,
            plan.plan_id,
            plan.plan_hash,
            statement.body.approver,
            `${statement.body.nonce}${Math.random()}`,
            JSON.stringify(statement),
          ],
        );
      },
      editPlan: async ({ plan }, document) => {
        await query('update plans set document = $2 where plan_id = $1', [
          plan.plan_id,
          JSON.stringify(document),
        ]);
      },
    });
  } finally {
    await database.close();
  }
}

/** A statement for `approver`, well formed, signed by a key of the attacker's own under the name `keyId`. */
export function forgedStatement(
  { plan }: PlanView,
  approver: string,
  keyId: string,
  attested?: ApprovalStatement['attested'],
): Promise<SignedStatement> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const now = Date.now();
  const body: ApprovalStatement = {
    type: 'carapulse.approval.v1',
    verdict: 'approve',
    plan_id: plan.plan_id,
    plan_hash: plan.plan_hash,
    requested_by: plan.created_by,
    approver,
    assurance: 'local',
    break_glass: null,
    comment: '',
    ...(attested && { attested }),
    issued_at: new Date(now - 1000).toISOString(),
    expires_at: new Date(now + 600_000).toISOString(),
    nonce: `${approver}-${keyId}-forged`.padEnd(16, '0').slice(0, 90),
  };
  return signBody(body, {
    keyId,
    sign: async (bytes) => sign(null, bytes, privateKey).toString('base64'),
  });
}

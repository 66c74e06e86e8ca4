import { AppError } from '@carapulse/kernel';
import type { ExecutionRecord, LogRecord, StoreReads, StoreTransaction } from '@carapulse/operations';
import { sql } from 'kysely';
import { toPage } from './page.ts';
import type { Session } from './session.ts';
import { staleRevision } from './store-error.ts';
import { freeText, indexKey } from './text.ts';

export const LOGS_CHANNEL = 'carapulse_logs';
const LINES_A_STATEMENT = 1000;

export type ExecutionReads = Pick<
  StoreReads,
  | 'execution'
  | 'executionOfPlan'
  | 'executions'
  | 'waitingExecutions'
  | 'steps'
  | 'checks'
  | 'logs'
  | 'pendingDispatches'
>;
export type ExecutionWrites = Pick<
  StoreTransaction,
  'insertExecution' | 'updateExecution' | 'completeDispatch' | 'upsertStep' | 'insertCheck' | 'appendLogs'
>;

const EXECUTION_COLUMNS = [
  'execution_id',
  'plan_id',
  'tenant_id',
  'status',
  'status_reason',
  'epoch',
  'queued_at',
  'started_at',
  'first_write_at',
  'ended_at',
  'steering',
  'revision',
] as const;

function steeringText(steering: ExecutionRecord['steering']): string | null {
  return steering === null ? null : JSON.stringify(steering);
}

export function executionReads(session: Session): ExecutionReads {
  const select = () => session().selectFrom('executions').select(EXECUTION_COLUMNS);
  return {
    async execution(tenantId, executionId) {
      const row = await select()
        .where('tenant_id', '=', tenantId)
        .where('execution_id', '=', indexKey(executionId))
        .executeTakeFirst();
      return row ?? null;
    },
    async executionOfPlan(planId) {
      const row = await select().where('plan_id', '=', indexKey(planId)).executeTakeFirst();
      return row ?? null;
    },
    async waitingExecutions(reasonPrefix, limit) {
      return select()
        .where('ended_at', 'is', null)
        .where((is) =>
          is(is.fn<string>('left', ['status_reason', is.val(reasonPrefix.length)]), '=', reasonPrefix),
        )
        .orderBy('execution_id')
        .limit(limit)
        .execute();
    },
    async executions(tenantId, page) {
      let query = select().where('tenant_id', '=', tenantId);
      if (page.after !== null) query = query.where('execution_id', '<', indexKey(page.after));
      const rows = await query
        .orderBy('execution_id', 'desc')
        .limit(page.limit + 1)
        .execute();
      return toPage(
        rows,
        page,
        (row) => row.execution_id,
        (row) => row,
      );
    },
    steps(executionId) {
      return session()
        .selectFrom('execution_steps')
        .select([
          'execution_id',
          'step_id',
          'status',
          'attempts',
          'started_at',
          'ended_at',
          'detail',
          'evidence_id',
          'retry_at',
        ])
        .where('execution_id', '=', indexKey(executionId))
        .orderBy('position')
        .execute();
    },
    checks(executionId) {
      return session()
        .selectFrom('execution_checks')
        .select(['execution_id', 'check_id', 'step_id', 'phase', 'verdict', 'at', 'detail', 'evidence_id'])
        .where('execution_id', '=', indexKey(executionId))
        .orderBy('check_seq')
        .execute();
    },
    logs(executionId, afterSeq, limit) {
      return session()
        .selectFrom('execution_logs')
        .select(['execution_id', 'seq', 'at', 'step_id', 'stream', 'text'])
        .where('execution_id', '=', indexKey(executionId))
        .where('seq', '>', afterSeq)
        .orderBy('seq')
        .limit(limit)
        .execute();
    },
    pendingDispatches(limit) {
      return session()
        .selectFrom('dispatches')
        .select(['execution_id', 'plan_id'])
        .where('completed_at', 'is', null)
        .orderBy('queued_at')
        .orderBy('execution_id')
        .limit(limit)
        .execute();
    },
  };
}

export function executionWrites(session: Session): ExecutionWrites {
  return {
    async insertExecution(record) {
      const inserted = await session()
        .insertInto('executions')
        .values({
          ...record,
          status_reason: freeText(record.status_reason),
          steering: steeringText(record.steering),
        })
        .onConflict((conflict) => conflict.column('plan_id').doNothing())
        .returning('execution_id')
        .executeTakeFirst();
      if (inserted === undefined) {
        throw new AppError(
          'conflict',
          `The plan ${record.plan_id} has an execution already; a plan runs once.`,
        );
      }
      await session()
        .insertInto('dispatches')
        .values({
          execution_id: record.execution_id,
          plan_id: record.plan_id,
          queued_at: record.queued_at,
          completed_at: null,
        })
        .execute();
    },
    async updateExecution(executionId, expectedRevision, change) {
      const reason =
        change.status_reason === undefined ? {} : { status_reason: freeText(change.status_reason) };
      const { steering, ...plain } = change;
      const steered = steering === undefined ? {} : { steering: steeringText(steering) };
      const done = await session()
        .updateTable('executions')
        .set({ ...plain, ...reason, ...steered, revision: expectedRevision + 1 })
        .where('execution_id', '=', executionId)
        .where('revision', '=', expectedRevision)
        .executeTakeFirst();
      if (done.numUpdatedRows === 1n) return;
      const found = await session()
        .selectFrom('executions')
        .select('revision')
        .where('execution_id', '=', executionId)
        .executeTakeFirst();
      throw staleRevision('execution', executionId, expectedRevision, found?.revision);
    },
    async completeDispatch(executionId, at) {
      await session()
        .updateTable('dispatches')
        .set({ completed_at: at })
        .where('execution_id', '=', executionId)
        .where('completed_at', 'is', null)
        .execute();
    },
    async upsertStep(record) {
      const row = { ...record, detail: freeText(record.detail) };
      const { execution_id: _execution, step_id: _step, ...change } = row;
      await session()
        .insertInto('execution_steps')
        .values(row)
        .onConflict((conflict) => conflict.columns(['execution_id', 'step_id']).doUpdateSet(change))
        .execute();
    },
    async insertCheck(record) {
      await session()
        .insertInto('execution_checks')
        .values({ ...record, detail: freeText(record.detail) })
        .execute();
    },
    async appendLogs(executionId, lines) {
      if (lines.length === 0) return;
      // The counter's row lock orders writers, so numbers are dense and in commit order.
      const head = await session()
        .updateTable('executions')
        .set((eb) => ({ log_seq: eb('log_seq', '+', lines.length) }))
        .where('execution_id', '=', executionId)
        .returning('log_seq')
        .executeTakeFirst();
      if (head === undefined) throw staleRevision('execution', executionId, 0, undefined);
      const first = head.log_seq - lines.length + 1;
      const rows = lines.map((line, index): LogRecord => ({
        ...line,
        text: freeText(line.text),
        execution_id: executionId,
        seq: first + index,
      }));
      for (let at = 0; at < rows.length; at += LINES_A_STATEMENT) {
        await session()
          .insertInto('execution_logs')
          .values(rows.slice(at, at + LINES_A_STATEMENT))
          .execute();
      }
      await sql`select pg_notify(${LOGS_CHANNEL}, ${executionId})`.execute(session());
    },
  };
}

import { AppError } from '@carapulse/kernel';
import type { IdempotencyClaim, StoreReads, StoreTransaction } from '@carapulse/operations';
import { sql } from 'kysely';
import { PROCESS_LOCKS } from '../hold-database.ts';
import type { Session } from './session.ts';
import { exactKey, freeText, indexKey } from './text.ts';

export type EffectReads = Pick<
  StoreReads,
  'leases' | 'toolCall' | 'automatedWritesSince' | 'livingProcesses' | 'runEpoch'
>;
export type EffectWrites = Pick<
  StoreTransaction,
  | 'acquireLeases'
  | 'renewLeases'
  | 'releaseLeases'
  | 'claimIdempotency'
  | 'actIdempotency'
  | 'completeIdempotency'
  | 'releaseIdempotency'
  | 'insertToolCall'
  | 'updateToolCall'
  | 'deleteToolCall'
  | 'moveToolCall'
  | 'alone'
  | 'claimEpoch'
  | 'enterRun'
>;

export function effectReads(session: Session): EffectReads {
  return {
    leases() {
      return session().selectFrom('leases').selectAll().orderBy('target').execute();
    },
    async toolCall(key) {
      const row = await session()
        .selectFrom('tool_calls')
        .selectAll()
        .where('key', '=', indexKey(key))
        .executeTakeFirst();
      return row ?? null;
    },
    /** Counts what automated plans began that name the service, as it stands there, in their blast radius. */
    async automatedWritesSince(tenantId, service, sinceIso) {
      const { count } = await session()
        .selectFrom('tool_calls as t')
        .innerJoin('executions as e', 'e.execution_id', 't.execution_id')
        .innerJoin('plans as p', 'p.plan_id', 'e.plan_id')
        .select((eb) => eb.fn.countAll<number>().as('count'))
        .where('t.kind', '=', 'write')
        .where('t.begun_at', '>=', sinceIso)
        .where('e.tenant_id', '=', tenantId)
        .where('p.automated', '=', true)
        .where(sql<boolean>`${indexKey(service)} = any (p.resources)`)
        .executeTakeFirstOrThrow();
      return count;
    },
    async livingProcesses() {
      const { rows } = await sql<{ process: unknown }>`
        select objid::bigint as process from pg_locks
        where locktype = 'advisory' and granted and classid = ${PROCESS_LOCKS} and objsubid = 2
          and database = (select oid from pg_database where datname = current_database())`.execute(session());
      return new Set(rows.map((row) => Number(row.process)));
    },
    async runEpoch(executionId) {
      const row = await session()
        .selectFrom('executions')
        .select('run_epoch')
        .where('execution_id', '=', indexKey(executionId))
        .executeTakeFirst();
      return row?.run_epoch ?? null;
    },
  };
}

export function effectWrites(session: Session): EffectWrites {
  const running = (claim: IdempotencyClaim) =>
    session()
      .updateTable('idempotency_keys')
      .where('principal', '=', indexKey(claim.principal))
      .where('key', '=', claim.key)
      .where('epoch', '=', claim.epoch)
      .where('response', 'is', null);
  return {
    async acquireLeases(targets, holder, epoch, nowIso, expiresIso) {
      // In one order for everybody, so that two acquirers cannot wait for each other.
      const sorted = [...new Set(targets)].map((target) => exactKey(target, 'A lease target')).sort();
      await sql`savepoint leases`.execute(session());
      for (const target of sorted) {
        const taken = await session()
          .insertInto('leases')
          .values({ target, holder, epoch, expires_at: expiresIso })
          .onConflict((conflict) =>
            conflict
              .column('target')
              .doUpdateSet({ holder, epoch, expires_at: expiresIso })
              .where((eb) =>
                eb.or([
                  eb('leases.holder', '=', holder),
                  eb.and([
                    eb('leases.expires_at', '<=', nowIso),
                    eb.not(
                      eb.exists(
                        eb
                          .selectFrom('executions')
                          .select('execution_id')
                          .whereRef('execution_id', '=', 'leases.holder')
                          .where('ended_at', 'is', null),
                      ),
                    ),
                  ]),
                ]),
              ),
          )
          .returning('target')
          .executeTakeFirst();
        if (taken !== undefined) continue;
        const held = await session()
          .selectFrom('leases')
          .selectAll()
          .where('target', '=', target)
          .executeTakeFirst();
        await sql`rollback to savepoint leases`.execute(session());
        throw new AppError(
          'lease_held',
          `${target} is being changed by ${held?.holder ?? 'another run'} until ${held?.expires_at ?? 'it ends'}.`,
          { retryable: true, details: { target, holder: held?.holder ?? null } },
        );
      }
      await sql`release savepoint leases`.execute(session());
    },
    async renewLeases(holder, expiresIso) {
      const done = await session()
        .updateTable('leases')
        .set({ expires_at: expiresIso })
        .where('holder', '=', holder)
        .executeTakeFirst();
      return Number(done.numUpdatedRows);
    },
    async releaseLeases(holder) {
      await session().deleteFrom('leases').where('holder', '=', holder).execute();
    },
    async claimIdempotency(record, living) {
      const key = exactKey(record.key, 'An idempotency key');
      const inserted = await session()
        .insertInto('idempotency_keys')
        .values({
          ...record,
          principal: indexKey(record.principal),
          response: record.response === null ? null : JSON.stringify(record.response),
        })
        .onConflict((conflict) =>
          conflict
            .columns(['principal', 'key'])
            .doUpdateSet({ epoch: record.epoch, created_at: record.created_at })
            .where('idempotency_keys.response', 'is', null)
            .where('idempotency_keys.acted', '=', false)
            .where('idempotency_keys.epoch', 'not in', [record.epoch, ...living])
            .where('idempotency_keys.request_digest', '=', record.request_digest),
        )
        .returning('key')
        .executeTakeFirst();
      if (inserted !== undefined) return { kind: 'new' };
      const known = await session()
        .selectFrom('idempotency_keys')
        .selectAll()
        .where('principal', '=', indexKey(record.principal))
        .where('key', '=', key)
        .forUpdate()
        .executeTakeFirst();
      if (known === undefined) {
        throw new AppError('conflict', 'The idempotency key was given back this instant. Try again.', {
          retryable: true,
        });
      }
      return { kind: 'known', record: { ...known, principal: record.principal } };
    },
    async actIdempotency(claim) {
      const done = await running(claim).set({ acted: true }).executeTakeFirst();
      if (done.numUpdatedRows === 1n) return;
      throw new AppError(
        'fenced',
        `The idempotency key ${claim.key} was taken over by a newer process; ask that one again.`,
      );
    },
    async completeIdempotency(claim, response) {
      const done = await running(claim)
        .set({ response: JSON.stringify(response) })
        .executeTakeFirst();
      if (done.numUpdatedRows === 1n) return;
      throw new AppError(
        'conflict',
        `The idempotency key ${claim.key} is not running: it has a response or was given back.`,
      );
    },
    async releaseIdempotency(claim) {
      const left = await running(claim).where('acted', '=', true).set({ epoch: 0 }).executeTakeFirst();
      if (left.numUpdatedRows === 1n) return;
      await session()
        .deleteFrom('idempotency_keys')
        .where('principal', '=', indexKey(claim.principal))
        .where('key', '=', claim.key)
        .where('epoch', '=', claim.epoch)
        .where('response', 'is', null)
        .execute();
    },
    async insertToolCall(record) {
      const inserted = await session()
        .insertInto('tool_calls')
        .values({
          ...record,
          key: exactKey(record.key, "A tool call's key"),
          response: JSON.stringify(record.response),
        })
        .onConflict((conflict) => conflict.column('key').doNothing())
        .returning('key')
        .executeTakeFirst();
      return inserted === undefined ? 'exists' : 'inserted';
    },
    async moveToolCall(key, from, to) {
      const moved = await session()
        .updateTable('tool_calls')
        .set({ process: to })
        .where('key', '=', indexKey(key))
        .where('process', '=', from)
        .where('state', '<>', 'done')
        .executeTakeFirst();
      return moved.numUpdatedRows === 1n;
    },
    async updateToolCall(key, process, change) {
      const done = await session()
        .updateTable('tool_calls')
        .set({
          ...change,
          code: change.code === null ? null : freeText(change.code),
          response: JSON.stringify(change.response),
        })
        .where('key', '=', indexKey(key))
        .where('process', '=', process)
        .executeTakeFirst();
      if (done.numUpdatedRows !== 1n) throw notOurs(key);
    },
    async deleteToolCall(key, process) {
      const left = await session()
        .deleteFrom('tool_calls')
        .where('key', '=', indexKey(key))
        .where('process', '=', process)
        .executeTakeFirst();
      if (left.numDeletedRows === 1n) return;
      if ((await effectReads(session).toolCall(key)) !== null) throw notOurs(key);
    },
    async alone(name) {
      await sql`select pg_advisory_xact_lock(hashtextextended(${name}, 0))`.execute(session());
    },
    async claimEpoch() {
      const row = await session()
        .updateTable('fencing')
        .set((eb) => ({ epoch: eb('epoch', '+', 1) }))
        .returning('epoch')
        .executeTakeFirstOrThrow();
      return row.epoch;
    },
    async enterRun(executionId, epoch) {
      // Not shared: two that both write the row later would wait for each other.
      const row = await session()
        .selectFrom('executions')
        .select('run_epoch')
        .where('execution_id', '=', indexKey(executionId))
        .forNoKeyUpdate()
        .executeTakeFirst();
      if (row === undefined) throw new AppError('not_found', `There is no execution ${executionId}.`);
      if (epoch < row.run_epoch) {
        throw new AppError(
          'fenced',
          `Run ${executionId} is held under epoch ${row.run_epoch} now, not ${epoch}: another process has taken it over.`,
        );
      }
      if (epoch === row.run_epoch) return;
      await session()
        .updateTable('executions')
        .set({ run_epoch: epoch })
        .where('execution_id', '=', indexKey(executionId))
        .execute();
    },
  };
}

function notOurs(key: string): AppError {
  return new AppError('fenced', `The tool call ${key} is not carried out by this process any more.`);
}

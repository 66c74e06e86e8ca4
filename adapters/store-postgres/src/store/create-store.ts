/**
 * Owner: the product's memory over one `Database`. Boundary: the `Store` port; no SQL anywhere else in the product.
 *
 * Invariants 1 to 5 are those of the port. And one of its own:
 * 6. Inside a transaction, `read` and a second `transaction` fail at once: on the embedded database, which has one
 *    session, they would wait for themselves.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { AppError } from '@carapulse/kernel';
import type { PlaybookRecord, Store, StoreReads, StoreTransaction } from '@carapulse/operations';
import type { Database } from '../database.ts';
import { effectReads, effectWrites } from './effect-rows.ts';
import { executionReads, executionWrites, LOGS_CHANNEL } from './execution-rows.ts';
import { incidentReads, incidentWrites } from './incident-rows.ts';
import { planReads, planWrites } from './plan-rows.ts';
import { scheduleReads, scheduleWrites } from './schedule-rows.ts';
import type { Session } from './session.ts';
import { toStoreError } from './store-error.ts';
import { EVENT_TYPES, EVENTS_CHANNEL, streamReads, streamWrites } from './stream-rows.ts';
import { exactKey } from './text.ts';

type AsyncMethods = Readonly<Record<string, (...args: never[]) => Promise<unknown>>>;

/**
 * The `Store` port on an open, migrated database. `close` closes the database as well.
 * Every failure is an AppError: see `toStoreError`.
 */
export async function createStore(database: Database): Promise<Store> {
  const current = new AsyncLocalStorage<{ active: boolean }>();
  const onEvents = new Set<Parameters<Store['onEvents']>[0]>();
  const onLogs = new Set<(executionId: string) => void>();
  await database.listen(EVENTS_CHANNEL, (payload) => {
    // After a lost connection the payload is empty: anything may have been missed.
    const type = EVENT_TYPES.find((each) => each === payload) ?? null;
    onEvents.forEach((listener) => listener(type));
  });
  await database.listen(LOGS_CHANNEL, (executionId) => onLogs.forEach((listener) => listener(executionId)));

  const refuseNested = (what: string): void => {
    if (current.getStore()?.active !== true) return;
    throw new AppError(
      'internal',
      `${what} was called inside a transaction; use what the transaction was given.`,
    );
  };

  return {
    read: guarded(
      reads(() => database.db),
      () => refuseNested('store.read'),
    ),
    async transaction(work) {
      refuseNested('store.transaction');
      const scope = { active: true };
      try {
        return await current.run(scope, () =>
          database.db.transaction().execute((tx) =>
            work(
              guarded(
                writes(() => tx),
                () => assertActive(scope),
              ),
            ),
          ),
        );
      } catch (error) {
        throw toStoreError(error);
      } finally {
        scope.active = false;
      }
    },
    onEvents: (listener) => subscribe(onEvents, listener),
    onLogs: (listener) => subscribe(onLogs, listener),
    async ping(signal) {
      if (signal.aborted) throw new AppError('cancelled', 'The call was cancelled before it began.');
      const aborted = Promise.withResolvers<never>();
      const abort = (): void =>
        aborted.reject(new AppError('timeout', 'The database did not answer in time.', { retryable: true }));
      signal.addEventListener('abort', abort, { once: true });
      try {
        await Promise.race([database.pool.query('select 1'), aborted.promise]);
      } catch (error) {
        throw toStoreError(error);
      } finally {
        signal.removeEventListener('abort', abort);
      }
    },
    close: () => database.close(),
  };
}

function reads(session: Session): StoreReads {
  return {
    ...planReads(session),
    ...executionReads(session),
    ...incidentReads(session),
    ...streamReads(session),
    ...effectReads(session),
    ...scheduleReads(session),
    async playbooks(tenantId) {
      const rows = await session()
        .selectFrom('playbooks')
        .selectAll()
        .where('tenant_id', '=', tenantId)
        .orderBy('name')
        .execute();
      return rows satisfies readonly PlaybookRecord[];
    },
  };
}

function writes(session: Session): StoreTransaction {
  return {
    ...reads(session),
    ...planWrites(session),
    ...executionWrites(session),
    ...incidentWrites(session),
    ...streamWrites(session),
    ...effectWrites(session),
    ...scheduleWrites(session),
    async upsertPlaybook(record) {
      const row = {
        ...record,
        name: exactKey(record.name, "A playbook's name"),
        document: JSON.stringify(record.document),
      };
      const { tenant_id: _tenant, name: _name, ...change } = row;
      await session()
        .insertInto('playbooks')
        .values(row)
        .onConflict((conflict) => conflict.columns(['tenant_id', 'name']).doUpdateSet(change))
        .execute();
    },
  };
}

/** The same methods, each preceded by a check, and each failing with AppErrors only. */
function guarded<T extends object>(methods: T, before: () => void): T {
  const wrapped = Object.entries(methods as AsyncMethods).map(([name, method]) => [
    name,
    async (...args: never[]) => {
      before();
      try {
        return await method(...args);
      } catch (error) {
        throw toStoreError(error);
      }
    },
  ]);
  return Object.fromEntries(wrapped) as T;
}

function assertActive(scope: { readonly active: boolean }): void {
  if (!scope.active)
    throw new AppError('internal', 'A transaction was used after it ended; await all of its calls.');
}

function subscribe<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

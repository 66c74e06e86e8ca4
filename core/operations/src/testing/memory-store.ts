/**
 * Owner: a test. Boundary: the `Store` port, in memory; run against the suite that the real store passes. Invariants:
 * 1. Transactions happen one after the other, each on a copy of the tables: what fails leaves nothing.
 * 2. Inside a transaction, `read` and a second `transaction` fail at once, as they do on the embedded database.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { AppError, toAppError } from '@carapulse/kernel';
import type { Store, StoreTransaction } from '../ports/index.ts';
import { memoryReads } from './memory-reads.ts';
import { memoryWrites } from './memory-writes.ts';
import { copyTables, emptyTables, type Tables } from './tables.ts';

/** The in-memory store, and the levers that a test pulls. */
export interface MemoryStore extends Store {
  /** Called before each commit with its number from 1; what it throws is what the transaction throws. */
  beforeCommit: (number: number) => void;
  /** Called after each commit, before its caller hears of it: a crash in between. */
  afterCommit: (number: number) => void;
  readonly commits: number;
  /** All rows as they are now; later commits leave it as it is. */
  snapshot(): Tables;
}

export function createMemoryStore(): MemoryStore {
  let tables: Tables = emptyTables();
  let commits = 0;
  let turn: Promise<unknown> = Promise.resolve();
  const inside = new AsyncLocalStorage<{ active: boolean }>();
  const onEvents = new Set<Parameters<Store['onEvents']>[0]>();
  const onLogs = new Set<(executionId: string) => void>();
  const refuseNested = (): void => {
    if (inside.getStore()?.active === true) throw new AppError('internal', 'Called inside a transaction.');
  };
  const perform = async <T>(work: (tx: StoreTransaction) => Promise<T>): Promise<T> => {
    const copy = copyTables(tables);
    const scope = { active: true };
    const tx = guard(
      memoryWrites(() => copy),
      () => {
        if (!scope.active) throw new AppError('internal', 'A transaction was used after it ended.');
      },
    );
    try {
      const result = await inside.run(scope, () => work(tx));
      store.beforeCommit(commits + 1);
      tell(tables, copy, onEvents, onLogs, () => {
        tables = copy;
        commits += 1;
      });
      store.afterCommit(commits);
      return result;
    } catch (error) {
      throw toAppError(error);
    } finally {
      scope.active = false;
    }
  };
  const store: MemoryStore = {
    read: guard(
      memoryReads(() => tables),
      refuseNested,
    ),
    transaction: async (work) => {
      refuseNested();
      const mine = turn.then(() => perform(work));
      turn = mine.catch(() => {});
      return mine;
    },
    onEvents: (listener) => subscribe(onEvents, listener),
    onLogs: (listener) => subscribe(onLogs, listener),
    ping: async (signal) => {
      if (signal.aborted) throw new AppError('cancelled', 'The call was cancelled before it began.');
    },
    close: async () => {},
    beforeCommit: () => {},
    afterCommit: () => {},
    get commits() {
      return commits;
    },
    snapshot: () => copyTables(tables),
  };
  return store;
}

function tell(
  before: Tables,
  after: Tables,
  onEvents: ReadonlySet<Parameters<Store['onEvents']>[0]>,
  onLogs: ReadonlySet<(executionId: string) => void>,
  commit: () => void,
): void {
  const lines = after.logs.slice(before.logs.length);
  const types = new Set(after.events.slice(before.events.length).map((event) => event.type));
  commit();
  for (const id of new Set(lines.map((line) => line.execution_id)))
    onLogs.forEach((listener) => listener(id));
  for (const type of types) onEvents.forEach((listener) => listener(type));
}

function guard<T extends object>(methods: T, before: () => void): T {
  const guarded = Object.entries(methods as Record<string, (...args: never[]) => Promise<unknown>>).map(
    ([name, method]) => [
      name,
      async (...args: never[]) => {
        before();
        return method(...args);
      },
    ],
  );
  // Sound: the same names with the same signatures.
  return Object.fromEntries(guarded) as T;
}

function subscribe<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

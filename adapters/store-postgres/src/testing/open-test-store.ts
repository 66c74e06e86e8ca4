import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '@carapulse/operations';
import { type Database, openDatabase } from '../database.ts';
import { loadMigrations, migrate } from '../migrate.ts';
import { createStore } from '../store/create-store.ts';

export interface TestStore {
  readonly database: Database;
  readonly store: Store;
  /** Closes the database and removes its directory. */
  dispose(): Promise<void>;
}

/** A migrated store for a test: embedded in a temporary directory, or on the server at `url`. Takes about a second. */
export async function openTestStore(url?: string): Promise<TestStore> {
  const directory = mkdtempSync(join(tmpdir(), 'carapulse-store-'));
  const database = await openDatabase(
    url === undefined ? { kind: 'pglite', directory } : { kind: 'postgres', url },
  );
  await migrate(database.pool, loadMigrations());
  const store = await createStore(database);
  return {
    database,
    store,
    async dispose() {
      await store.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

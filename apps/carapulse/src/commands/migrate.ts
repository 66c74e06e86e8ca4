import { resolve } from 'node:path';
import {
  loadMigrations,
  migrate as applyMigrations,
  openDatabase,
  pendingMigrations,
} from '@carapulse/store-postgres';
import { loadConfig } from '../config/load-config.ts';
import { resolveSecret } from '../config/resolve-secret.ts';
import { installationPaths } from '../installation/installation-paths.ts';

export interface MigrateOptions {
  readonly directory: string;
  readonly config?: string;
  /** Only tell what would be applied. */
  readonly dryRun: boolean;
}

/** Brings the database to this version. `up` does so by itself; this is for servers that are migrated beforehand. */
export async function migrate(options: MigrateOptions): Promise<void> {
  const { storage } = await loadConfig(options.config);
  const { database: directory } = installationPaths(resolve(options.directory));
  const database = await openDatabase(
    storage.database_url === undefined
      ? { kind: 'pglite', directory }
      : { kind: 'postgres', url: await resolveSecret(storage.database_url) },
  );
  try {
    const pending = await pendingMigrations(database.pool, loadMigrations());
    if (pending.length === 0) {
      process.stdout.write('The database is up to date.\n');
      return;
    }
    if (!options.dryRun) await applyMigrations(database.pool, loadMigrations());
    for (const name of pending)
      process.stdout.write(`${options.dryRun ? 'would apply' : 'applied'} ${name}\n`);
  } finally {
    await database.close();
  }
}

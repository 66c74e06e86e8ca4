import { loadMigrations, migrate, openDatabase, type Database } from '@carapulse/store-postgres';
import { resolveSecret } from '../config/resolve-secret.ts';
import type { StartOptions } from './start-carapulse.ts';

/** The configured database, brought to this version. */
export async function openMigratedDatabase(options: StartOptions, directory: string): Promise<Database> {
  const { database_url } = options.config.storage;
  const database = await openDatabase(
    database_url === undefined
      ? {
          kind: 'pglite',
          directory,
          logger: options.logger,
          ...(options.onSync && { onSync: options.onSync }),
        }
      : { kind: 'postgres', url: await resolveSecret(database_url), logger: options.logger },
  );
  try {
    await migrate(database.pool, loadMigrations());
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}

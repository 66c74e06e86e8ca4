import {
  holdDatabase,
  loadMigrations,
  migrate,
  openDatabase,
  type Database,
  type DatabaseHold,
} from '@carapulse/store-postgres';
import { resolveSecret } from '../config/resolve-secret.ts';
import type { StartOptions } from './start-options.ts';

export interface HeldDatabase {
  readonly database: Database;
  /** Resolves when another installation has taken it over; the embedded one is held by its directory. */
  readonly lost: DatabaseHold['lost'];
  /** Says to the other processes on a server that the one with this number lives. */
  readonly announce: DatabaseHold['announce'];
  readonly close: () => Promise<void>;
}

/** The configured database, this installation's alone and brought to this version. */
export async function openMigratedDatabase(
  options: StartOptions,
  directory: string,
  mark: string,
): Promise<HeldDatabase> {
  const { logger } = options;
  const { database_url } = options.config.storage;
  const database = await openDatabase(
    database_url === undefined
      ? { kind: 'pglite', directory, logger, ...(options.onSync && { onSync: options.onSync }) }
      : { kind: 'postgres', url: await resolveSecret(database_url), logger },
  );
  let hold: DatabaseHold | null = null;
  const close = async (): Promise<void> => {
    await hold?.release();
    await database.close();
  };
  try {
    if (database.kind === 'postgres') hold = await holdDatabase(database.pool, mark, logger);
    await migrate(database.pool, loadMigrations());
    return {
      database,
      lost: hold?.lost ?? new Promise(() => {}),
      announce: async (process) => hold?.announce(process),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

import { PGlite } from '@electric-sql/pglite';
import { createPgConfig } from '@electric-sql/pglite/node-postgres';
import { Pool } from 'pg';

export interface OpenPool {
  readonly pool: Pool;
  readonly close: () => Promise<void>;
}

/** A pool of one client over a PGlite directory. */
export async function openPglite(directory: string): Promise<OpenPool> {
  const database = await PGlite.create(directory);
  const pool = new Pool(Object.assign(createPgConfig(database), { max: 1 }));
  return {
    pool,
    close: async () => {
      await pool.end();
      await database.close();
    },
  };
}

/** A pool over a place: a PostgreSQL URL, or else a PGlite directory. */
export async function openPlace(place: string): Promise<OpenPool> {
  if (!place.startsWith('postgresql://')) return openPglite(place);
  const pool = new Pool({ connectionString: place, max: 10 });
  pool.on('error', () => undefined);
  return { pool, close: () => pool.end() };
}

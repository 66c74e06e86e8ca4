import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { longRunConformance } from '@carapulse/workflows/testing';
import { afterAll, beforeAll, describe } from 'vitest';
import { openPlace } from './testing/pglite-place.ts';
import type { PostgresServer } from './testing/postgres-server.ts';
import { findPostgres, startPostgres } from './testing/postgres-server.ts';
import { workbench } from './testing/workbench.ts';

/** A snapshot takes the place of 1,000 events; the last of them may come while it is written. */
const ROWS_AT_MOST = 1100;
const bin = await findPostgres();
let root = '';

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'durable-long-'));
});
afterAll(async () => rm(root, { recursive: true, force: true }));

describe('a long run on PGlite', () => {
  const bench = workbench(
    async () => join(root, 'pglite'),
    (place) => `${place}.log`,
  );
  longRunConformance(bench, rowsOf, ROWS_AT_MOST);
});

describe.skipIf(bin === null)(
  `a long run on PostgreSQL${bin === null ? ', which is not installed here' : ''}`,
  () => {
    let server: PostgresServer | null = null;
    beforeAll(async () => {
      if (bin !== null) server = await startPostgres(bin);
    });
    afterAll(async () => server?.stop());
    const bench = workbench(
      async () => {
        if (server === null) throw new Error('The PostgreSQL server did not start.');
        return server.database();
      },
      () => join(root, 'postgres.log'),
      1000,
    );
    longRunConformance(bench, rowsOf, ROWS_AT_MOST);
  },
);

/** Rows that the journal holds of a run. */
async function rowsOf(place: string, run: string): Promise<number> {
  const { pool, close } = await openPlace(place);
  const { rows } = await pool.query<{ rows: unknown }>(
    'SELECT count(*) AS rows FROM durable.journal WHERE run_id = $1',
    [run],
  );
  await close();
  return Number(rows[0]?.rows);
}

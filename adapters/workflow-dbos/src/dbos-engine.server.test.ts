import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { durableEngineConformance } from '@carapulse/workflows/testing';
import { afterAll, beforeAll, describe } from 'vitest';
import type { PostgresServer } from './testing/postgres-server.ts';
import { findPostgres, startPostgres } from './testing/postgres-server.ts';
import { workbench } from './testing/workbench.ts';

/** Short, since each process that the suite kills is missed only when its lease has ended. */
const LEASE_MS = 1000;
const bin = await findPostgres();

describe.skipIf(bin === null)(`with PostgreSQL${bin === null ? ', which is not installed here' : ''}`, () => {
  let server: PostgresServer | null = null;
  let logs = '';

  beforeAll(async () => {
    logs = await mkdtemp(join(tmpdir(), 'durable-log-'));
    if (bin !== null) server = await startPostgres(bin);
  });

  afterAll(async () => {
    await server?.stop();
    await rm(logs, { recursive: true, force: true });
  });

  durableEngineConformance(
    'DBOS over PostgreSQL',
    workbench(
      async () => {
        if (server === null) throw new Error('The PostgreSQL server did not start.');
        return server.database();
      },
      (place) => join(logs, place.slice(place.lastIndexOf('/') + 1)),
      LEASE_MS,
    ),
  );
});

import { severalProcessesConformance } from '@carapulse/workflows/testing/several';
import { afterAll, beforeAll, describe } from 'vitest';
import type { PostgresServer } from './testing/postgres-server.ts';
import { findPostgres, startPostgres } from './testing/postgres-server.ts';
import { sharedWorkbench } from './testing/shared-workbench.ts';

const bin = await findPostgres();

describe.skipIf(bin === null)(`with PostgreSQL${bin === null ? ', which is not installed here' : ''}`, () => {
  let server: PostgresServer | null = null;
  beforeAll(async () => {
    if (bin !== null) server = await startPostgres(bin);
  });
  afterAll(async () => server?.stop());

  severalProcessesConformance(
    'DBOS over PostgreSQL',
    sharedWorkbench(async () => {
      if (server === null) throw new Error('The PostgreSQL server did not start.');
      return server.database();
    }),
  );
});

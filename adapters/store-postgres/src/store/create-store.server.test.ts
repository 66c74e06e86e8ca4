import type { Store } from '@carapulse/operations';
import { afterAll, beforeAll, describe } from 'vitest';
import { type Database, openDatabase } from '../database.ts';
import { loadMigrations, migrate } from '../migrate.ts';
import { type PostgresServer, skipWithoutPostgres, startPostgresServer } from '../testing/postgres-server.ts';
import { createStore } from './create-store.ts';
import { effectSuite } from './suite-effects.ts';
import { planSuite } from './suite-plans.ts';
import { streamSuite } from './suite-streams.ts';

describe.skipIf(skipWithoutPostgres())('store on a PostgreSQL server', () => {
  let server: PostgresServer;
  let subject: { database: Database; store: Store };

  beforeAll(async () => {
    server = await startPostgresServer();
    const database = await openDatabase({ kind: 'postgres', url: await server.createDatabase() });
    await migrate(database.pool, loadMigrations());
    subject = { database, store: await createStore(database) };
  });

  afterAll(async () => {
    await subject.store.close();
    await server.stop();
  });

  planSuite(() => subject);
  streamSuite(() => subject);
  effectSuite(() => subject);
});

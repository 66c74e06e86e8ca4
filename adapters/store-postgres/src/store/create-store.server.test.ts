import { afterAll, beforeAll, describe } from 'vitest';
import { openTestStore, type TestStore } from '../testing/open-test-store.ts';
import { type PostgresServer, skipWithoutPostgres, startPostgresServer } from '../testing/postgres-server.ts';
import { effectSuite } from './suite-effects.ts';
import { executionSuite } from './suite-executions.ts';
import { planSuite } from './suite-plans.ts';
import { scheduleSuite } from './suite-schedules.ts';
import { streamSuite } from './suite-streams.ts';

describe.skipIf(skipWithoutPostgres())('store on a PostgreSQL server', () => {
  let server: PostgresServer;
  let subject: TestStore;

  beforeAll(async () => {
    server = await startPostgresServer();
    subject = await openTestStore(await server.createDatabase());
  });
  afterAll(async () => {
    await subject.dispose();
    await server.stop();
  });

  planSuite(() => subject);
  executionSuite(() => subject);
  streamSuite(() => subject);
  effectSuite(() => subject);
  scheduleSuite(() => subject);
});

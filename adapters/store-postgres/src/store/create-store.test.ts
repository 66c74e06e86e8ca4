import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '@carapulse/operations';
import { afterAll, beforeAll, describe } from 'vitest';
import { type Database, openDatabase } from '../database.ts';
import { loadMigrations, migrate } from '../migrate.ts';
import { createStore } from './create-store.ts';
import { effectSuite } from './suite-effects.ts';
import { planSuite } from './suite-plans.ts';
import { streamSuite } from './suite-streams.ts';

describe('store on the embedded database', () => {
  let directory: string;
  let subject: { database: Database; store: Store };

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'carapulse-store-'));
    const database = await openDatabase({ kind: 'pglite', directory });
    await migrate(database.pool, loadMigrations());
    subject = { database, store: await createStore(database) };
  });

  afterAll(async () => {
    await subject.store.close();
    rmSync(directory, { recursive: true, force: true });
  });

  planSuite(() => subject);
  streamSuite(() => subject);
  effectSuite(() => subject);
});

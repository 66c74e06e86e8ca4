import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe } from 'vitest';
import { openDatabase } from './database.ts';
import { databaseSuite } from './suite-database.ts';

describe('embedded database', () => {
  const directory = mkdtempSync(join(tmpdir(), 'carapulse-database-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  databaseSuite(() => openDatabase({ kind: 'pglite', directory }));
});

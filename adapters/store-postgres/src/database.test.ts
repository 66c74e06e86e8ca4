import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe } from 'vitest';
import { openDatabase } from './database.ts';
import { databaseSuite } from './suite-database.ts';

describe('embedded database', () => {
  const home = mkdtempSync(join(tmpdir(), 'carapulse-database-'));
  let count = 0;

  afterAll(() => rmSync(home, { recursive: true, force: true }));

  databaseSuite(() => {
    count += 1;
    return openDatabase({ kind: 'pglite', directory: join(home, String(count)) });
  });
});

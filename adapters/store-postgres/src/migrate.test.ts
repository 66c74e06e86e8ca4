import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { migrationFiles } from './suite-database.ts';

describe('loadMigrations', () => {
  const directory = mkdtempSync(join(tmpdir(), 'carapulse-migrations-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test.each([
    [{ '0002_b.sql': '' }, '0002_b.sql in .* should have the number 0001'],
    [{ '0001_a.sql': '', '0003_c.sql': '' }, '0003_c.sql in .* should have the number 0002'],
    [{ '0001_a.sql': '', '0001_b.sql': '' }, '0001_b.sql in .* should have the number 0002'],
    [{ '1_a.sql': '' }, '1_a.sql in .* is not called NNNN_name.sql'],
  ])('files %o are refused', (content, message) => {
    expect(() => migrationFiles(directory, content)).toThrow(new RegExp(message));
  });
});

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openHaltFile, type HaltFile } from './halt-file.ts';

const AT = '2026-01-01T00:00:00.000Z';
let root: string;
let file: HaltFile;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'carapulse-halt-'));
  file = openHaltFile(join(root, 'halt.json'));
});
afterEach(() => {
  file.close();
  rmSync(root, { recursive: true, force: true });
});

test('halts and resumes at the same moment undo nothing of each other', async () => {
  await file.halt('staging', 'drill', 'user:a', AT);
  await Promise.all([
    file.resume('staging'),
    file.halt('*', 'fire', 'user:b', AT),
    file.halt('test', 'drill', 'user:c', AT),
  ]);
  expect(file.list().map((entry) => entry.scope)).toEqual(['*', 'test']);
});

test('a file that cannot be read halts everything, until everything is resumed', async () => {
  writeFileSync(join(root, 'halt.json'), '{');
  expect(file.state({ tenant_id: 't', environment: 'production' })).toMatchObject({ scope: '*' });
  expect(await file.resume('production')).toBe(false);
  expect(await file.resume('*')).toBe(true);
  expect(file.list()).toEqual([]);
});

test.skipIf(process.getuid?.() === 0)('a halt that cannot be written whole halts everything', async () => {
  writeFileSync(join(root, 'halt.json'), '[]');
  // No temporary file can be made, as on a full disk; the file itself can still be emptied.
  chmodSync(root, 0o500);
  try {
    await file.halt('staging', 'drill', 'user:a', AT);
    expect(file.state({ tenant_id: 't', environment: 'production' })).toMatchObject({ scope: '*' });
  } finally {
    chmodSync(root, 0o700);
  }
});

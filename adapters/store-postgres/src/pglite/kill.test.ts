import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDatabase } from '../database.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'carapulse-kill-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('after SIGKILL in the middle of writing, the next process takes over and finds every acknowledged row', async () => {
  const script = join(import.meta.dirname, '..', 'testing', 'write-until-killed.ts');
  const writer = spawn(process.execPath, [script, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = new Promise((resolve) => writer.once('exit', resolve));
  let acknowledged = 0;
  for await (const line of createInterface({ input: writer.stdout })) {
    acknowledged = Number(line);
    if (acknowledged === 150) writer.kill('SIGKILL');
  }
  await exited;
  const database = await openDatabase({ kind: 'pglite', directory });
  const { rows } = await database.pool.query<{ n: number }>('select n from marks order by n');
  await database.close();
  const found = rows.map((row) => row.n);
  expect(acknowledged).toBeGreaterThanOrEqual(150);
  expect(found.slice(0, acknowledged)).toEqual(Array.from({ length: acknowledged }, (_, index) => index + 1));
  expect(found.length - acknowledged).toBeLessThanOrEqual(1);
});

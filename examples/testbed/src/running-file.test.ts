import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { holdDirectory, liveHolder, releaseDirectory } from './running-file.ts';

let parent: string;
let directory: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'carapulse-running-'));
  directory = join(parent, 'server');
});
afterEach(() => rm(parent, { recursive: true, force: true }));

const CONFLICT = { code: 'conflict', message: expect.stringContaining('npm run testbed -- stop server') };

/** Holds the directory in a process of its own. */
const script = () => {
  const module = JSON.stringify(join(import.meta.dirname, 'running-file.ts'));
  const hold = `await holdDirectory(${JSON.stringify(directory)}, 'server')`;
  return `const { holdDirectory } = await import(${module}); ${hold}; console.log('held'); setInterval(() => {}, 1000)`;
};
const args = () => ['--input-type=module', '-e', script()];

test('of many starts at the same moment one holds the directory, and the others leave its files alone', async () => {
  const outcomes = await Promise.allSettled(
    Array.from({ length: 8 }, () => holdDirectory(directory, 'server')),
  );
  const refused = outcomes.filter(({ status }) => status === 'rejected');
  expect(refused).toHaveLength(7);
  for (const outcome of refused) expect(outcome).toMatchObject({ reason: CONFLICT });
  expect(await liveHolder(directory)).toMatchObject({ pid: process.pid });
  await writeFile(join(directory, 'data'), 'precious');
  await expect(holdDirectory(directory, 'server')).rejects.toMatchObject(CONFLICT);
  expect(await readFile(join(directory, 'data'), 'utf8')).toBe('precious');
  await releaseDirectory(directory);
  await holdDirectory(directory, 'server');
  await releaseDirectory(directory);
});

test('another process is named as the holder, and its death frees the directory', async () => {
  const child = spawn(process.execPath, args(), { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    for await (const line of createInterface(child.stdout)) if (line === 'held') break;
    await expect(holdDirectory(directory, 'server')).rejects.toMatchObject({
      message: expect.stringContaining(`held by process ${child.pid}`),
    });
    await expect(promisify(execFile)(process.execPath, args())).rejects.toMatchObject({
      stderr: expect.stringContaining('already runs'),
    });
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await holdDirectory(directory, 'server');
  await releaseDirectory(directory);
});

import { appendFile, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Checkpoint } from '@carapulse/audit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createCheckpointFile } from './checkpoint-file.ts';

let directory = '';
let path = '';
const { signal } = new AbortController();

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'carapulse checkpoints '));
  path = join(directory, 'main.checkpoints');
});
afterEach(async () => rm(directory, { recursive: true, force: true }));

function checkpoint(seq: number): Checkpoint {
  return {
    body: {
      type: 'carapulse.audit.checkpoint.v1',
      chain_id: 'main',
      chain_key_id: 'k1',
      seq,
      mac: 'a'.repeat(64),
      count: seq,
      at: '2026-11-21T10:00:00.000Z',
    },
    signed: { key_id: 'ck1', signature: 'AAAA' },
  };
}

test('keeps what was appended, in order, readable by its owner alone', async () => {
  const file = createCheckpointFile(path);
  expect(await file.list(signal)).toEqual([]);
  await Promise.all([1, 2, 3].map(async (seq) => file.append(checkpoint(seq), signal)));
  expect(await createCheckpointFile(path).list(signal)).toEqual([1, 2, 3].map(checkpoint));
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test('a last line torn at any byte is no checkpoint, and the next append replaces it', async () => {
  const file = createCheckpointFile(path);
  await file.append(checkpoint(1), signal);
  const { size } = await stat(path);
  await file.append(checkpoint(2), signal);
  const whole = await readFile(path);
  for (let length = size; length < whole.length; length += 1) {
    await writeFile(path, whole);
    await truncate(path, length);
    expect(await file.list(signal)).toEqual([checkpoint(1)]);
    if (length % 40 !== 0) continue;
    await file.append(checkpoint(3), signal);
    expect(await file.list(signal)).toEqual([checkpoint(1), checkpoint(3)]);
  }
});

test('a torn line longer than a block is removed, and a torn first line leaves an empty list', async () => {
  const file = createCheckpointFile(path);
  await writeFile(path, 'x'.repeat(10_000));
  expect(await file.list(signal)).toEqual([]);
  await file.append(checkpoint(1), signal);
  await appendFile(path, 'y'.repeat(10_000));
  await file.append(checkpoint(2), signal);
  expect(await file.list(signal)).toEqual([checkpoint(1), checkpoint(2)]);
});

test('a damaged line in the middle is listed as it is, not hidden', async () => {
  const file = createCheckpointFile(path);
  await file.append(checkpoint(1), signal);
  await appendFile(path, 'damaged\n');
  await file.append(checkpoint(2), signal);
  expect(await file.list(signal)).toEqual([checkpoint(1), 'damaged', checkpoint(2)]);
});

test('a directory that is missing gives an error that names the file', async () => {
  const file = createCheckpointFile(join(directory, 'missing', 'file'));
  await expect(file.append(checkpoint(1), signal)).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('missing/file'),
  });
});

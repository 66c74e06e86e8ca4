import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Config } from '@carapulse/configuration';
import type { Store } from '@carapulse/operations';
import { lockDirectory } from '@carapulse/store-postgres';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openInstallation, type Installation } from '../installation/open-installation.ts';
import { startCheckpoints } from './checkpoints.ts';
import { SYSTEM_CLOCK } from './clock.ts';
import { createRuntime } from './runtime.ts';

const CONFIG = Config.parse({});
const WAIT = { timeout: 30_000, interval: 1 };
let root: string;
let installation: Installation;
let seq: number;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'carapulse-checkpoints-'));
  installation = await openInstallation(root, CONFIG, SYSTEM_CLOCK);
  seq = 0;
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const macOf = (at: number): string => at.toString(16).padStart(64, '0');

/** A process that vouches for a chain of `seq` records, looking again as soon as it may. */
function start() {
  const ending = new AbortController();
  let nowMs = 0;
  const read = {
    auditHead: async () => ({ seq, mac: seq === 0 ? null : macOf(seq) }),
    audit: async (_tenant: null, after: number) => [{ seq: after + 1, mac: macOf(after + 1) }],
  };
  const checkpoints = startCheckpoints(
    {
      ...createRuntime(CONFIG, () => undefined),
      directory: root,
      config: CONFIG,
      clock: { nowMs: () => nowMs, monotonicMs: () => nowMs },
      sleep: async (ms) => {
        nowMs += ms;
        await new Promise((resolve) => setImmediate(resolve));
      },
    },
    installation,
    // Checkpoints read nothing else.
    { read } as unknown as Store,
    ending.signal,
  );
  return {
    checkpoints,
    stop: async () => {
      ending.abort();
      await checkpoints.done;
    },
  };
}

const vouched = (): readonly number[] =>
  readFileSync(installation.paths.checkpoints, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => (JSON.parse(line) as { body: { seq: number } }).body.seq);

test('one of the processes writes, the others see it, and one comes after it', async () => {
  seq = 1;
  const first = start();
  await expect.poll(vouched, WAIT).toEqual([1]);
  const second = start();
  seq = 2;
  await expect.poll(vouched, WAIT).toEqual([1, 2]);
  expect(second.checkpoints.ok()).toBe(true);
  expect(second.checkpoints.detail()).toBe('written by another process of the installation');
  await first.stop();
  seq = 3;
  await expect.poll(vouched, WAIT).toEqual([1, 2, 3]);
  expect(second.checkpoints.detail()).toMatch(/unprotected for at most/);
  seq = 4;
  await second.stop();
  expect(vouched()).toEqual([1, 2, 3, 4]);
});

test('one that sees that nobody vouches for what was written says so', async () => {
  seq = 1;
  const stopped = lockDirectory(installation.paths.checkpointing);
  const other = start();
  seq = 2;
  await expect.poll(() => other.checkpoints.ok(), WAIT).toBe(false);
  expect(other.checkpoints.detail()).toMatch(/another process is to write them, and has not for \d+ ms/);
  stopped.release();
  await expect.poll(vouched, WAIT).toEqual([2]);
  expect(other.checkpoints.ok()).toBe(true);
  await other.stop();
});

test('a fault is told while it lasts, and no longer', async () => {
  seq = 5;
  const before = start();
  await expect.poll(vouched, WAIT).toEqual([5]);
  await before.stop();
  seq = 2;
  const restored = start();
  await expect.poll(() => restored.checkpoints.ok(), WAIT).toBe(false);
  expect(restored.checkpoints.detail()).toMatch(/vouches for seq 5/);
  seq = 6;
  await expect.poll(() => restored.checkpoints.ok(), WAIT).toBe(true);
  expect(restored.checkpoints.detail()).toMatch(/unprotected for at most/);
  await restored.stop();
});

test('a place that cannot be locked is a fault, and no other process is credited with the work', async () => {
  seq = 1;
  writeFileSync(installation.paths.checkpointing, 'no directory');
  const barred = start();
  await expect.poll(() => barred.checkpoints.ok(), WAIT).toBe(false);
  expect(barred.checkpoints.detail()).toMatch(/checkpointing/);
  await barred.stop();
});

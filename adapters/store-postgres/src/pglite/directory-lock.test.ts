import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lockDirectory, shareDirectory } from './directory-lock.ts';

let directory: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'carapulse-lock-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) await kill(child);
  rmSync(directory, { recursive: true, force: true });
});

async function holder(stderr: 'inherit' | 'ignore' = 'inherit'): Promise<ChildProcess> {
  const script = join(import.meta.dirname, '..', 'testing', 'hold-directory.ts');
  const child = spawn(process.execPath, [script, directory], { stdio: ['pipe', 'pipe', stderr] });
  children.push(child);
  await new Promise<void>((resolve, reject) => {
    child.stdout?.once('data', () => resolve());
    child.once('exit', (code) => reject(new Error(`the holder ended with ${code}`)));
  });
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exited;
}

describe('shareDirectory', () => {
  const words = { subject: 'installation', instead: 'use another' };

  test('several share, nobody has it alone until the last has gone, and then nobody shares', async () => {
    const [one, two] = [shareDirectory(directory, words, 0), shareDirectory(directory, words, 0)];
    for (const each of [one, two]) {
      expect(() => lockDirectory(directory)).toThrow('is in use');
      each.release();
    }
    const child = await holder();
    expect(() => shareDirectory(directory, words, 0)).toThrow(
      `The installation in ${directory} is in use by process ${child.pid}`,
    );
    await kill(child);
    shareDirectory(directory, words, 0).release();
  });
});

describe('lockDirectory', () => {
  test('a second process is refused and told which process holds the directory and what to do', async () => {
    const child = await holder();
    expect(() => lockDirectory(directory)).toThrow(
      expect.objectContaining({
        code: 'conflict',
        details: { pid: child.pid },
        message: expect.stringMatching(
          new RegExp(`in use by process ${child.pid} .*kill ${child.pid}.*DATABASE_URL`),
        ),
      }),
    );
  });

  test('a holder that was stopped still holds, one that was killed does not', async () => {
    const child = await holder();
    child.kill('SIGSTOP');
    expect(() => lockDirectory(directory)).toThrow('is in use');
    await kill(child);
    lockDirectory(directory).release();
  });

  test('a second lock in the same process is refused too, and a released one is free', () => {
    const lock = lockDirectory(directory);
    expect(() => lockDirectory(directory)).toThrow(`process ${process.pid}`);
    lock.release();
    lock.release();
    lockDirectory(directory).release();
  });

  test('of many processes that start at once, one gets the directory', async () => {
    const results = await Promise.allSettled(Array.from({ length: 5 }, () => holder('ignore')));
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
  });

  test('a place that cannot be locked is refused, not used unlocked', () => {
    lockDirectory(join(directory, 'made', 'on', 'the', 'way')).release();
    expect(() => lockDirectory('/proc/self')).toThrow(expect.objectContaining({ code: 'unavailable' }));
  });
});

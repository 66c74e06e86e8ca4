// Owner: the directory of one demo. Boundary: everything below it, which each demo deletes and makes anew.
// 1. Nothing is deleted but in a directory that an earlier demo made, known by its own lock file.
// 2. One demo at a time: the lock is held until the demo has ended.
// 3. Nothing is deleted below a Carapulse that runs.
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@carapulse/kernel';
import { lockDirectory, type DirectoryLock } from '@carapulse/store-postgres';

const OWN = 'demo';
const OTHER = 'or choose another directory (--directory)';
/** A killed demo's Carapulse ends by itself, once its runs are parked. */
const GRACE_MS = 15_000;
const POLL_MS = 100;

/**
 * Makes the directory when there is none, and leaves it as it is when there is.
 * @throws AppError `conflict` when something lies in it that no demo made; `unavailable` when it can't be made.
 */
export async function claimDemoDirectory(directory: string): Promise<void> {
  const entries = await reach(directory, async () => {
    // Root's demo goes on as nobody, who must be able to pass through what lies above its own directory.
    await mkdir(dirname(directory), { recursive: true, mode: process.getuid?.() === 0 ? 0o711 : 0o700 });
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return readdir(directory);
  });
  if (entries.length === 0 || existsSync(join(directory, OWN, 'lock'))) return;
  throw new AppError(
    'conflict',
    `${directory} was not made by a demo, which would delete what lies in it (${entries.slice(0, 3).join(', ')}). Choose another with --directory, or empty it yourself.`,
  );
}

/**
 * Takes a claimed directory for this demo and empties it.
 * @throws AppError `conflict` naming the process that uses it.
 */
export async function emptyDemoDirectory(
  directory: string,
  signal: AbortSignal,
  graceMs: number = GRACE_MS,
): Promise<DirectoryLock> {
  const lock = lockDirectory(join(directory, OWN), { subject: 'demo', instead: OTHER });
  try {
    await installationEnded(directory, signal, graceMs);
    await reach(directory, async () => {
      for (const entry of await readdir(directory)) {
        if (entry !== OWN) await rm(join(directory, entry), { recursive: true, force: true });
      }
    });
    return lock;
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function installationEnded(directory: string, signal: AbortSignal, graceMs: number): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += POLL_MS) {
    try {
      lockDirectory(directory, { subject: 'installation', instead: OTHER }).release();
      return;
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'conflict' || waitedMs >= graceMs) throw error;
    }
    await delay(POLL_MS, undefined, { signal });
  }
}

async function reach<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new AppError(
      'unavailable',
      `Cannot make the demo's directory ${directory}: ${(error as Error).message}. Choose another with --directory.`,
      { cause: error },
    );
  }
}

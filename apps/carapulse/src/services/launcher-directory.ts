import { existsSync } from 'node:fs';
import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lockDirectory, type DirectoryLock } from '@carapulse/store-postgres';

const PREFIX = 'carapulse-sandbox-exec-';
const WORDS = { subject: 'launcher of a sandbox', instead: 'or start another one' };
/** Longer than a process needs from making its directory to locking it. */
const FRESH_MS = 60_000;

export interface LauncherDirectory {
  readonly path: string;
  readonly close: () => Promise<void>;
}

/** Where a sandbox without an installation keeps its launcher. What processes that were killed left there is removed. */
export async function openLauncherDirectory(nowMs: number, parent = tmpdir()): Promise<LauncherDirectory> {
  await removeAbandoned(parent, nowMs);
  const path = await mkdtemp(join(parent, PREFIX));
  const lock = lockDirectory(path, WORDS);
  return {
    path,
    close: async () => {
      lock.release();
      await rm(path, { recursive: true, force: true });
    },
  };
}

async function removeAbandoned(parent: string, nowMs: number): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(PREFIX)) continue;
    const path = join(parent, name);
    const found = await lstat(path).catch(() => null);
    const ours = found?.isDirectory() === true && found.uid === process.getuid?.();
    if (!ours || nowMs - found.mtimeMs < FRESH_MS || !existsSync(join(path, 'lock'))) continue;
    const lock = take(path);
    if (lock === null) continue;
    // What can't be removed keeps no sandbox from starting.
    await rm(path, { recursive: true, force: true }).catch(() => {});
    lock.release();
  }
}

/** Null while its process lives, or when it can't be told. */
function take(path: string): DirectoryLock | null {
  try {
    return lockDirectory(path, WORDS);
  } catch {
    return null;
  }
}

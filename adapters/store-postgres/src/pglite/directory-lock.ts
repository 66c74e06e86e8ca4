/**
 * Owner: one directory of an installation or an embedded database. Boundary: a lock file that the kernel locks for this process.
 *
 * 1. At most one process holds a directory, or several share it; the kernel drops the lock when a holder dies, however
 *    it dies.
 * 2. A stopped holder (SIGSTOP) still holds: it may wake up in the middle of a write.
 * 3. `holder.json` only tells people who it is; the lock never depends on it.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { AppError } from '@carapulse/kernel';

const SQLITE_BUSY = 5;

export interface DirectoryLock {
  release(): void;
}

export interface LockWords {
  readonly subject: string;
  readonly instead: string;
}

/**
 * Takes the directory for this process; does not wait. `subject` and `instead` tell people what is held and what else
 * they can do. SQLite is used for nothing but its lock: Node offers no
 * other lock that the kernel releases with the process and that also holds between containers.
 * @throws AppError `conflict` naming the process that holds it; `unavailable` when the file system cannot lock.
 */
export function lockDirectory(
  directory: string,
  { subject, instead }: LockWords = {
    subject: 'embedded database',
    instead: 'use another directory, or set DATABASE_URL to share a PostgreSQL server',
  },
): DirectoryLock {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const holderFile = join(directory, 'holder.json');
  const words = { subject, instead };
  return hold(openLock(join(directory, 'lock'), directory, holderFile, words, null), holderFile);
}

/**
 * Takes the directory together with others that share it; waits for one that holds it alone for at most `waitMs`.
 * @throws AppError as `lockDirectory`.
 */
export function shareDirectory(directory: string, words: LockWords, waitMs: number): DirectoryLock {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const holderFile = join(directory, 'holder.json');
  return hold(openLock(join(directory, 'lock'), directory, holderFile, words, waitMs), holderFile);
}

function hold(lock: DatabaseSync, holderFile: string): DirectoryLock {
  writeFileSync(
    holderFile,
    JSON.stringify({ pid: process.pid, host: hostname(), since: new Date().toISOString() }),
    { mode: 0o600 },
  );
  let held = true;
  return {
    release() {
      if (!held) return;
      held = false;
      if (readHolder(holderFile)?.pid === process.pid) rmSync(holderFile, { force: true });
      lock.close();
    },
  };
}

/** Alone when `shareMs` is null, else shared: a reader keeps its lock as long as its transaction. */
function openLock(
  file: string,
  directory: string,
  holderFile: string,
  words: LockWords,
  shareMs: number | null,
): DatabaseSync {
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(file, { timeout: shareMs ?? 0 });
    if (shareMs === null)
      lock.exec('PRAGMA journal_mode = OFF; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    else lock.exec('BEGIN; SELECT count(*) FROM sqlite_master');
    return lock;
  } catch (error) {
    lock?.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY)
      throw heldError(directory, holderFile, words);
    throw new AppError(
      'unavailable',
      `Cannot lock the ${words.subject} in ${directory}: ${(error as Error).message}. ` +
        `Make it a directory that this user may write, on a local file system; or ${words.instead}.`,
      { cause: error },
    );
  }
}

function heldError(directory: string, holderFile: string, { subject, instead }: LockWords): AppError {
  const holder = readHolder(holderFile);
  const who = holder === null ? 'another process' : `process ${holder.pid} on ${holder.host}`;
  const since = holder === null ? '' : ` since ${holder.since}`;
  const stop = holder === null ? 'Stop it' : `Stop it (kill ${holder.pid})`;
  return new AppError(
    'conflict',
    `The ${subject} in ${directory} is in use by ${who}${since}. ${stop}, ${instead}.`,
    holder === null ? {} : { details: { pid: holder.pid } },
  );
}

function readHolder(file: string): { pid: number; host: string; since: string } | null {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    const { pid, host, since } = value as Record<string, unknown>;
    return typeof pid === 'number' && typeof host === 'string' && typeof since === 'string'
      ? { pid, host, since }
      : null;
  } catch {
    return null;
  }
}

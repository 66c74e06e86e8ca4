/**
 * Checkpoints as lines of JSON in one append-only file.
 *
 * Owner: one writer a file. Boundary: the file and its directory.
 * Invariants:
 * 1. `append` returns after the line, and once the file's name, is synced.
 * 2. A line is complete when it ends in a line feed. What follows the last line feed is the rest of an append that
 *    was cut short: it was never acknowledged, so it is no checkpoint, and the next append removes it.
 * 3. Nothing else in the file is ever changed. A complete line that isn't JSON is listed as the text it is.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Checkpoint, CheckpointStore } from '@carapulse/audit';
import { AppError } from '@carapulse/kernel';

const LINE_FEED = 0x0a;

/** A CheckpointStore on `path`; the directory must exist. Errors are AppErrors `unavailable` that name the file. */
export function createCheckpointFile(path: string): CheckpointStore {
  let last: Promise<unknown> = Promise.resolve();
  return {
    append: async (checkpoint, signal) => {
      const next = last.then(async () => append(path, checkpoint, signal));
      last = next.catch(() => undefined);
      return next;
    },
    list: async (signal) => list(path, signal),
  };
}

async function append(path: string, checkpoint: Checkpoint, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  try {
    const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    try {
      const size = await completeLength(file);
      const isNew = size === 0;
      await file.truncate(size);
      const line = Buffer.from(`${JSON.stringify(checkpoint)}\n`);
      await writeAll(file, line, size);
      await file.sync();
      if (isNew) await syncDirectory(dirname(path));
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw unavailable(path, 'be written', cause);
  }
}

async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/** Bytes up to and with the last line feed, found by reading backwards. */
async function completeLength(file: FileHandle): Promise<number> {
  const block = Buffer.alloc(4_096);
  let end = (await file.stat()).size;
  while (end > 0) {
    const start = Math.max(0, end - block.length);
    const { bytesRead } = await file.read(block, 0, end - start, start);
    const index = block.subarray(0, bytesRead).lastIndexOf(LINE_FEED);
    if (index >= 0) return start + index + 1;
    end = start;
  }
  return 0;
}

async function list(path: string, signal: AbortSignal): Promise<readonly unknown[]> {
  signal.throwIfAborted();
  let text: string;
  try {
    const file = await open(path, constants.O_RDONLY);
    try {
      text = await file.readFile({ encoding: 'utf8', signal });
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return [];
    throw unavailable(path, 'be read', cause);
  }
  return text.split('\n').slice(0, -1).map(parseLine);
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return line;
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function unavailable(path: string, what: string, cause: unknown): AppError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new AppError(
    'unavailable',
    `The audit checkpoint file ${path} could not ${what}: ${why}. Check that its directory exists, belongs to this ` +
      'user and has space left.',
    { cause, retryable: true },
  );
}

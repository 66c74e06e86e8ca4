import { createHash, randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '@carapulse/kernel';
import type { ObjectStore } from '@carapulse/operations';

const KEY = /^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*){0,7}$/;

/**
 * Objects as files under one directory. Owner: one installation. Invariants: a file under its key is whole and synced;
 * it never changes; keys cannot leave the directory.
 */
export function createObjectDirectory(root: string): ObjectStore {
  const pathOf = (key: string): string => {
    if (!KEY.test(key) || key.includes('..'))
      throw new AppError('invalid_input', `${key} is not a key of an object.`);
    return join(root, key);
  };
  return {
    put: async (key, bytes, signal) => {
      signal.throwIfAborted();
      const path = pathOf(key);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      const temporary = join(dirname(path), `.${randomBytes(8).toString('hex')}.part`);
      try {
        await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        const file = await open(temporary, 'wx', 0o600);
        try {
          await file.writeFile(bytes);
          await file.sync();
        } finally {
          await file.close();
        }
        await publish(temporary, path, bytes, key);
      } catch (error) {
        if (error instanceof AppError) throw error;
        throw new AppError('unavailable', `Cannot keep the object ${key}: ${(error as Error).message}.`, {
          cause: error,
          retryable: true,
        });
      } finally {
        await unlink(temporary).catch(() => {});
      }
      return { sha256 };
    },
    get: async (key, signal) => {
      try {
        return await readFile(pathOf(key), { signal });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        throw new AppError('not_found', `There is no object ${key}.`, { cause: error });
      }
    },
  };
}

/** A hard link appears whole or not at all, and never replaces what is there. */
async function publish(temporary: string, path: string, bytes: Uint8Array, key: string): Promise<void> {
  try {
    await link(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const there = await readFile(path);
    if (!there.equals(bytes))
      throw new AppError('conflict', `The object ${key} is there with other content.`);
    return;
  }
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

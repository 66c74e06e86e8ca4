import { randomBytes } from 'node:crypto';
import { constants, mkdir, open, readFile, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '@carapulse/kernel';

const OTHERS = 0o077;

/**
 * Writes a file that only its owner can read: all or nothing, synced, never through a link.
 * @throws AppError `unavailable` naming the path when it can't be written.
 */
export async function writeSecretFile(path: string, content: string): Promise<void> {
  const temporary = join(dirname(path), `.${randomBytes(8).toString('hex')}.tmp`);
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(
      temporary,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    );
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw new AppError('unavailable', `Cannot write ${path}: ${(error as Error).message}.`, { cause: error });
  }
}

/**
 * Reads a file that nobody else may read, or null when there is none.
 * @throws AppError `forbidden` when its mode lets others in, with the command that mends it.
 */
export async function readSecretFile(path: string): Promise<string | null> {
  try {
    const { mode } = await stat(path);
    if ((mode & OTHERS) !== 0) {
      throw new AppError(
        'forbidden',
        `Others can read ${path}; run \`chmod 600 '${path}'\` and replace the key if they may have.`,
      );
    }
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

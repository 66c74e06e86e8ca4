import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { sha256Hex } from '@carapulse/kernel';
import { readSecretFile, writeSecretFile } from './secret-file.ts';

/**
 * What only processes on the very directory have in common: an id, its keys, and the file of the id itself, as its file
 * system knows it. A copy of the directory is another place: claims, halts and checkpoints of one aren't in the other.
 */
export async function installationMark(path: string, keyIds: readonly string[]): Promise<string> {
  if ((await readSecretFile(path)) === null)
    await writeSecretFile(path, `${randomBytes(16).toString('hex')}\n`);
  const id = await readSecretFile(path);
  const { ino, ctimeNs } = await stat(path, { bigint: true });
  return sha256Hex([id, ino, ctimeNs, ...keyIds].join(' '));
}

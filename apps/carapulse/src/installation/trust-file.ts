import { readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { TrustedKey, type TrustStore } from '@carapulse/approval';
import { AppError, parseInput } from '@carapulse/kernel';
import { z } from 'zod';
import { writeSecretFile } from './secret-file.ts';

const TrustFile = z.strictObject({ keys: z.array(TrustedKey) });
type TrustFile = z.infer<typeof TrustFile>;

/**
 * The root of trust as a file outside the database. Owner: the tool router. Invariants: a change of the file is seen
 * by the next question; a file that can't be read or parsed trusts nobody.
 */
export function openTrustFile(path: string): TrustStore {
  let seen = '';
  let keys: ReadonlyMap<string, TrustedKey> = new Map();
  const refresh = (): void => {
    const state = fingerprint(path);
    if (state === seen) return;
    keys = new Map();
    seen = state;
    if (state === 'absent') return;
    assertOwnersOnly(path);
    const file = parseTrust(readFileSync(path, 'utf8'), path);
    keys = new Map(file.keys.map((key) => [key.key_id, key]));
  };
  return {
    key: (keyId) => {
      refresh();
      return keys.get(keyId) ?? null;
    },
    keysOf: (actorId) => {
      refresh();
      return [...keys.values()].filter((key) => key.actor?.id === actorId);
    },
  };
}

/** Adds keys that are not there yet; one that is there stays as it is, so that a revocation is never undone. */
export async function addTrustedKeys(path: string, added: readonly TrustedKey[]): Promise<void> {
  const present = fingerprint(path) !== 'absent';
  if (present) assertOwnersOnly(path);
  const file: TrustFile = !present ? { keys: [] } : parseTrust(await readFile(path, 'utf8'), path);
  const known = new Set(file.keys.map((key) => key.key_id));
  const fresh = added.filter((key) => !known.has(key.key_id));
  if (fresh.length === 0) return;
  await writeSecretFile(path, `${JSON.stringify({ keys: [...file.keys, ...fresh] }, null, 2)}\n`);
}

/** Whoever can write the file can make themselves an approver. */
function assertOwnersOnly(path: string): void {
  if ((statSync(path).mode & 0o022) === 0) return;
  throw new AppError(
    'forbidden',
    `Others can write the trust file ${path}, so nobody is trusted; look for keys you don't know in it, then run \`chmod 600 '${path}'\`.`,
  );
}

function fingerprint(path: string): string {
  try {
    const { mtimeNs, size, ino, mode } = statSync(path, { bigint: true });
    return `${ino}/${mtimeNs}/${size}/${mode}`;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'absent';
    throw error;
  }
}

function parseTrust(text: string, path: string): TrustFile {
  try {
    return parseInput(TrustFile, JSON.parse(text), path);
  } catch (error) {
    throw new AppError(
      'unavailable',
      `The trust file ${path} cannot be used, so nobody is trusted: ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
}

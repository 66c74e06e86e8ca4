import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { join } from 'node:path';
import { keyIdOf, type Signer } from '@carapulse/approval';
import { AppError } from '@carapulse/kernel';
import { readSecretFile, writeSecretFile } from './secret-file.ts';

const AUDIT_KEY_BYTES = 32;

/** An Ed25519 key pair of this installation. `keyId` is derived from the public key. */
export interface SigningKey extends Signer {
  readonly publicKeyPem: string;
  readonly privateKeyPem: string;
}

/** Reads the key `name`, or makes it on first use. */
export async function loadSigningKey(directory: string, name: string): Promise<SigningKey> {
  const path = join(directory, `${name}.pem`);
  const stored = await readSecretFile(path);
  if (stored !== null) return readable(path, () => signingKey(stored));
  const pem = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  await writeSecretFile(path, pem);
  return signingKey(pem);
}

/** @param privateKeyPem PKCS #8 PEM of an Ed25519 private key. */
export function signingKey(privateKeyPem: string): SigningKey {
  const key = createPrivateKey(privateKeyPem);
  const publicKeyPem = createPublicKey(key).export({ format: 'pem', type: 'spki' }).toString();
  return {
    keyId: keyIdOf(createPublicKey(key)),
    publicKeyPem,
    privateKeyPem,
    sign: async (bytes) => sign(null, bytes, key).toString('base64'),
  };
}

/** Reads the symmetric key of the audit chain, or makes it on first use. 32 bytes. */
export async function loadAuditKey(directory: string): Promise<Uint8Array> {
  const path = join(directory, 'audit-chain.key');
  const stored = await readSecretFile(path);
  if (stored !== null) return readable(path, () => auditKey(stored));
  const key = randomBytes(AUDIT_KEY_BYTES);
  await writeSecretFile(path, `${key.toString('base64')}\n`);
  return key;
}

function auditKey(stored: string): Uint8Array {
  const key = Buffer.from(stored.trim(), 'base64');
  if (key.length !== AUDIT_KEY_BYTES) throw new Error(`it has ${key.length} bytes, not ${AUDIT_KEY_BYTES}`);
  return key;
}

function readable<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new AppError(
      'unavailable',
      `The key ${path} is damaged (${(error as Error).message}); put it back from a copy. A new one would not vouch for what the old one signed.`,
      { cause: error },
    );
  }
}

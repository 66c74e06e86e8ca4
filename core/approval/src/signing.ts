import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto';
import { canonicalJson } from '@carapulse/kernel';
import type { Signature, Signer, TrustedKey } from './statement.ts';

/** The bytes that are signed: the type of the document, a zero byte, its canonical JSON (UTF-8). */
export function signedBytes(body: { readonly type: string }): Uint8Array {
  return new TextEncoder().encode(`${body.type}\0${canonicalJson(body)}`);
}

/** Signs a document; the signature is bound to the document's `type`, so that one kind never passes for another. */
export async function signBody<T extends { readonly type: string }>(
  body: T,
  signer: Signer,
): Promise<{ body: T; signed: Signature }> {
  return { body, signed: { key_id: signer.keyId, signature: await signer.sign(signedBytes(body)) } };
}

/** True when the signature over `body` was made with `key` (Ed25519, RFC 8032). */
export function signatureIsValid(
  body: { readonly type: string },
  signature: Signature,
  key: TrustedKey,
): boolean {
  return verify(
    null,
    signedBytes(body),
    createPublicKey(key.public_key),
    Buffer.from(signature.signature, 'base64'),
  );
}

/** The id that a key has everywhere: `ed25519:` and 128 bits of the SHA-256 of its SPKI DER, in hex. */
export function keyIdOf(publicKey: KeyObject): string {
  const der = publicKey.export({ format: 'der', type: 'spki' });
  return `ed25519:${createHash('sha256').update(der).digest('hex').slice(0, 32)}`;
}

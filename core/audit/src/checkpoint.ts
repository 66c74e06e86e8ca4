import { verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { canonicalJson } from '@carapulse/kernel';
import { z } from 'zod';

/** The state of a chain at one instant, to be kept where whoever owns the database can't write. */
export const CheckpointBody = z.strictObject({
  type: z.literal('carapulse.audit.checkpoint.v1'),
  chain_id: z.string().min(1),
  /** Which MAC key the records carry. */
  chain_key_id: z.string().min(1),
  seq: z.int().positive(),
  mac: z.string().regex(/^[0-9a-f]{64}$/),
  /** Records in the chain up to and with `seq`. */
  count: z.int().positive(),
  at: z.iso.datetime(),
});
export type CheckpointBody = z.infer<typeof CheckpointBody>;

export const Checkpoint = z.strictObject({
  body: CheckpointBody,
  signed: z.strictObject({ key_id: z.string().min(1), signature: z.base64() }),
});
export type Checkpoint = z.infer<typeof Checkpoint>;

/** Signs checkpoints with one Ed25519 key that never leaves its holder. */
export interface CheckpointSigner {
  readonly keyId: string;
  /** @returns base64 Ed25519 signature (RFC 8032) of the bytes. */
  sign(bytes: Uint8Array): Promise<string>;
}

/**
 * Keeps checkpoints outside the database, append-only. `append` returns when the checkpoint is on disk. `list` gives
 * everything that is there in the order of writing, unparsed: what isn't a checkpoint is a finding, not an error.
 */
export interface CheckpointStore {
  append(checkpoint: Checkpoint, signal: AbortSignal): Promise<void>;
  list(signal: AbortSignal): Promise<readonly unknown[]>;
}

/** The bytes that are signed: the type, a zero byte, the canonical JSON of the body (UTF-8). */
export function checkpointBytes(body: CheckpointBody): Uint8Array {
  return new TextEncoder().encode(`${body.type}\0${canonicalJson(body)}`);
}

/** True when the checkpoint was signed by the holder of `publicKey`. Never throws. */
export function checkpointIsSigned(checkpoint: Checkpoint, publicKey: KeyObject): boolean {
  try {
    const signature = Buffer.from(checkpoint.signed.signature, 'base64');
    return verify(null, checkpointBytes(checkpoint.body), publicKey, signature);
  } catch {
    return false;
  }
}

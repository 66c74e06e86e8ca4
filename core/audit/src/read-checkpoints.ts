import { createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { AppError } from '@carapulse/kernel';
import type { ChainKey } from './chain.ts';
import { Checkpoint, checkpointIsSigned } from './checkpoint.ts';
import type { ChainFault } from './verify-report.ts';

/** The key that checkpoints are checked with. `pem` is the SPKI PEM of an Ed25519 key. */
export interface CheckpointKey {
  readonly keyId: string;
  readonly pem: string;
}

/** What can be relied on of the checkpoints; with a fault, nothing. */
export interface TrustedCheckpoints {
  readonly fault: ChainFault | null;
  readonly count: number;
  readonly newestSeq: number;
  readonly newestAt: string | null;
  readonly macBySeq: ReadonlyMap<number, string>;
}

/** @throws AppError `invalid_input` when the public key can't be read. */
export function readCheckpoints(
  list: readonly unknown[],
  key: ChainKey,
  publicKey: CheckpointKey,
): TrustedCheckpoints {
  const verifier = importKey(publicKey);
  const macBySeq = new Map<number, string>();
  let newest: Checkpoint['body'] | null = null;
  for (const [index, item] of list.entries()) {
    const parsed = Checkpoint.safeParse(item);
    const fault = parsed.success
      ? (judge(parsed.data, index + 1, key, publicKey.keyId, verifier) ??
        contradiction(parsed.data, index + 1, macBySeq))
      : faultOf('forged_checkpoint', null, index + 1, 'is not a checkpoint');
    if (fault !== null) return { fault, count: list.length, newestSeq: 0, newestAt: null, macBySeq };
    if (!parsed.success) continue;
    const { body } = parsed.data;
    macBySeq.set(body.seq, body.mac);
    if (newest === null || body.seq > newest.seq) newest = body;
  }
  return {
    fault: null,
    count: list.length,
    newestSeq: newest?.seq ?? 0,
    newestAt: newest?.at ?? null,
    macBySeq,
  };
}

function judge(
  checkpoint: Checkpoint,
  line: number,
  key: ChainKey,
  keyId: string,
  verifier: KeyObject,
): ChainFault | null {
  const { body, signed } = checkpoint;
  const { seq } = body;
  if (!checkpointIsSigned(checkpoint, verifier)) {
    return signed.key_id === keyId
      ? faultOf('forged_checkpoint', seq, line, `says seq ${seq}, but its signature is not valid`)
      : faultOf(
          'wrong_public_key',
          seq,
          line,
          `names the key ${signed.key_id}; it was checked with ${keyId} and does not fit`,
        );
  }
  if (body.chain_id !== key.chainId) {
    return faultOf('wrong_chain', seq, line, `belongs to the chain ${body.chain_id}, not to ${key.chainId}`);
  }
  if (body.chain_key_id !== key.keyId) {
    return faultOf(
      'wrong_key',
      seq,
      line,
      `vouches for records under the key ${body.chain_key_id}; the key given is ${key.keyId}`,
    );
  }
  return body.count === seq
    ? null
    : faultOf('forged_checkpoint', seq, line, `counts ${body.count} records at seq ${seq}`);
}

function contradiction(
  { body }: Checkpoint,
  line: number,
  known: ReadonlyMap<number, string>,
): ChainFault | null {
  const before = known.get(body.seq);
  if (before === undefined || before === body.mac) return null;
  return faultOf(
    'forked',
    body.seq,
    line,
    `vouches for another record seq ${body.seq} than an earlier checkpoint does`,
  );
}

function faultOf(kind: ChainFault['kind'], seq: number | null, line: number, what: string): ChainFault {
  return { kind, seq, position: line, message: `checkpoint ${line} ${what}` };
}

function importKey(publicKey: CheckpointKey): KeyObject {
  try {
    const imported = createPublicKey(publicKey.pem);
    if (imported.asymmetricKeyType === 'ed25519') return imported;
  } catch (cause) {
    throw new AppError(
      'invalid_input',
      `The checkpoints' public key ${publicKey.keyId} is not a PEM public key`,
      { cause },
    );
  }
  throw new AppError('invalid_input', `The checkpoints' public key ${publicKey.keyId} is not an Ed25519 key`);
}

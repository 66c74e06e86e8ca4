import { createCipheriv, createDecipheriv, createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { AppError } from '@carapulse/kernel';
import type { Payload, PayloadCodec } from '@temporalio/common';
import { REFUSED } from './refused-payload.ts';

/** Keys by name, 32 bytes each. `current` encrypts; the others only read what earlier ones wrote. */
export interface PayloadKeys {
  readonly current: string;
  readonly keys: Readonly<Record<string, Uint8Array>>;
}

const ENCODING = 'binary/encrypted';
const CIPHER = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Keeps everything that a run is given, hears and answers from the Temporal server: AES-256-GCM, the key's name bound
 * as additional data. A payload that isn't encrypted, or by an unknown key, is refused: the server can't invent one.
 * `marked` hands on what is refused as such, for the sandbox: there a run passes by a signal that somebody else sent.
 * @throws AppError `invalid_input` when a key isn't 32 bytes or the current one is missing.
 */
export function createPayloadCodec(
  { current, keys }: PayloadKeys,
  refused: 'thrown' | 'marked' = 'thrown',
): PayloadCodec {
  for (const [name, key] of Object.entries(keys)) {
    if (key.length === 32) continue;
    throw new AppError('invalid_input', `The payload key ${name} has ${key.length} bytes; it must have 32.`);
  }
  const known = new Map(Object.entries(keys).map(([name, key]) => [name, createSecretKey(key)]));
  const writing = known.get(current);
  if (writing === undefined) {
    throw new AppError(
      'invalid_input',
      `There is no payload key ${current}, which is named as the current one.`,
    );
  }
  return {
    encode: async (payloads) => payloads.map((payload) => seal(payload, current, writing)),
    decode: async (payloads) =>
      payloads.map((payload) => {
        const opened = open(payload, known);
        if (typeof opened !== 'string') return opened;
        if (refused === 'thrown') throw new AppError('forbidden', opened);
        return { metadata: { encoding: bytes(REFUSED) }, data: bytes(opened) };
      }),
  };
}

function seal(payload: Payload, name: string, key: KeyObject): Payload {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, key, iv).setAAD(Buffer.from(name));
  const sealed = Buffer.concat([cipher.update(pack(payload)), cipher.final()]);
  return {
    metadata: {
      encoding: bytes(ENCODING),
      'encryption-cipher': bytes(CIPHER),
      'encryption-key-id': bytes(name),
    },
    data: Buffer.concat([iv, cipher.getAuthTag(), sealed]),
  };
}

/**
 * What was sealed, or why it isn't ours.
 * @throws AppError `forbidden` for a key that isn't configured: another process may have it.
 */
function open(payload: Payload, keys: ReadonlyMap<string, KeyObject>): Payload | string {
  const encoding = text(payload.metadata?.['encoding']);
  if (encoding !== ENCODING) {
    return `A payload from Temporal is ${encoding || 'plain'}, not encrypted; it is not read.`;
  }
  const name = text(payload.metadata?.['encryption-key-id']);
  const key = keys.get(name);
  if (key === undefined) {
    throw new AppError(
      'forbidden',
      `A payload from Temporal was encrypted by key ${name}, which is not configured.`,
    );
  }
  const data = Buffer.from(payload.data ?? []);
  try {
    const cipher = createDecipheriv(CIPHER, key, data.subarray(0, IV_BYTES)).setAAD(Buffer.from(name));
    cipher.setAuthTag(data.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
    return unpack(Buffer.concat([cipher.update(data.subarray(IV_BYTES + TAG_BYTES)), cipher.final()]));
  } catch {
    return `A payload from Temporal was changed, or is not of key ${name}.`;
  }
}

/** Length of the metadata (4 bytes, big-endian), the metadata as JSON of base64, the data. */
function pack(payload: Payload): Buffer {
  const entries = Object.entries(payload.metadata ?? {}).map(([name, value]) => [
    name,
    Buffer.from(value).toString('base64'),
  ]);
  const metadata = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(metadata.length);
  return Buffer.concat([length, metadata, payload.data ?? Buffer.alloc(0)]);
}

function unpack(packed: Buffer): Payload {
  const end = 4 + packed.readUInt32BE(0);
  const entries = Object.entries(JSON.parse(packed.toString('utf8', 4, end)) as Record<string, string>);
  const metadata = entries.map(([name, value]) => [name, new Uint8Array(Buffer.from(value, 'base64'))]);
  return {
    metadata: Object.fromEntries(metadata) as Record<string, Uint8Array>,
    data: new Uint8Array(packed.subarray(end)),
  };
}

function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function text(value: Uint8Array | null | undefined): string {
  return value === null || value === undefined ? '' : new TextDecoder().decode(value);
}

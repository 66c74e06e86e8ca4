import { z } from 'zod';
import type { Clock, Random } from './clock.ts';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** Prefixes tell what an id names wherever it is read. */
export const ID_PREFIXES = {
  plan: 'pl',
  approval: 'ap',
  execution: 'ex',
  incident: 'inc',
  investigation: 'inv',
  alert: 'al',
  evidence: 'ev',
  event: 'evt',
  request: 'req',
  lease: 'ls',
  review: 'rv',
  schedule: 'sch',
  firing: 'fi',
} as const;
export type IdKind = keyof typeof ID_PREFIXES;

/**
 * A new id: prefix, `_`, 48 bits of milliseconds and 80 random bits in lower-case Crockford base 32 (the layout
 * of ULID), so that ids sort by creation time.
 */
export function newId(kind: IdKind, clock: Clock, random: Random): string {
  const time = BigInt(clock.nowMs());
  let tail = 0n;
  for (const byte of random.bytes(10)) tail = (tail << 8n) | BigInt(byte);
  let value = (time << 80n) | tail;
  let text = '';
  for (let index = 0; index < 26; index += 1) {
    text = `${ALPHABET[Number(value & 31n)] ?? ''}${text}`;
    value >>= 5n;
  }
  return `${ID_PREFIXES[kind]}_${text}`;
}

/** Schema of an id of one kind. */
export function idSchema(kind: IdKind): z.ZodString {
  return z
    .string()
    .regex(
      new RegExp(`^${ID_PREFIXES[kind]}_[0-9a-hjkmnp-tv-z]{26}$`),
      `it must be the id of a ${kind}: ${ID_PREFIXES[kind]}_ and 26 lower-case letters and digits`,
    );
}

import { createHash } from 'node:crypto';
import { AppError } from './app-error.ts';

/**
 * The one byte sequence of a JSON value, by RFC 8785 (JSON Canonicalization Scheme): keys sorted by UTF-16
 * code units, ECMAScript number formatting, no white space. Keys whose value is `undefined` are left out.
 * @throws AppError `invalid_input` for what JSON cannot carry: non-finite numbers, lone surrogates, bigint,
 * functions, symbols, `undefined` inside an array, cycles, objects that are not plain.
 */
export function canonicalJson(value: unknown): string {
  return write(value, '', new Set());
}

/** Lower-case hex SHA-256 of the UTF-8 bytes of `text`. */
export function sha256Hex(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex');
}

/** `sha256:` followed by the lower-case hex digest of the value's canonical JSON. */
export function canonicalHash(value: unknown): `sha256:${string}` {
  return `sha256:${sha256Hex(canonicalJson(value))}`;
}

function write(value: unknown, pointer: string, open: Set<object>): string {
  switch (typeof value) {
    case 'boolean':
      return String(value);
    case 'number':
      if (!Number.isFinite(value)) return refuse(pointer, `the number ${value} has no JSON form`);
      return JSON.stringify(value);
    case 'string':
      if (!value.isWellFormed()) return refuse(pointer, 'the string has a lone surrogate');
      return JSON.stringify(value);
    case 'object':
      return value === null ? 'null' : writeObject(value, pointer, open);
    default:
      return refuse(pointer, `a ${typeof value} has no JSON form`);
  }
}

function writeObject(value: object, pointer: string, open: Set<object>): string {
  if (open.has(value)) return refuse(pointer, 'the value contains itself');
  open.add(value);
  const text = Array.isArray(value)
    ? `[${Array.from(value, (item: unknown, index) => write(item, `${pointer}/${index}`, open)).join(',')}]`
    : writePlain(value, pointer, open);
  open.delete(value);
  return text;
}

function writePlain(value: object, pointer: string, open: Set<object>): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    return refuse(pointer, 'the object is not a plain one');
  }
  const record = value as Readonly<Record<string, unknown>>;
  const members: string[] = [];
  for (const key of Object.keys(record).toSorted()) {
    if (record[key] === undefined) continue;
    if (!key.isWellFormed()) return refuse(pointer, 'a key has a lone surrogate');
    members.push(`${JSON.stringify(key)}:${write(record[key], `${pointer}/${key}`, open)}`);
  }
  return `{${members.join(',')}}`;
}

function refuse(pointer: string, why: string): never {
  throw new AppError(
    'invalid_input',
    `Not canonical JSON at ${pointer === '' ? 'the root' : pointer}: ${why}`,
  );
}

import { createHash } from 'node:crypto';
import { AppError } from './app-error.ts';

/**
 * The one byte sequence of a JSON value, by RFC 8785 (JSON Canonicalization Scheme): keys sorted by UTF-16
 * code units, ECMAScript number formatting, no white space. Keys whose value is `undefined` are left out.
 * @throws AppError `invalid_input` for what JSON cannot carry: non-finite numbers, lone surrogates, bigint,
 * functions, symbols, `undefined` inside an array, cycles, objects that are not plain.
 */
export function canonicalJson(value: unknown): string {
  return write(value, [], new Set());
}

/** Lower-case hex SHA-256 of the UTF-8 bytes of `text`. */
export function sha256Hex(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex');
}

/** `sha256:` followed by the lower-case hex digest of the value's canonical JSON. */
export function canonicalHash(value: unknown): `sha256:${string}` {
  return `sha256:${sha256Hex(canonicalJson(value))}`;
}

/** `path` leads to `value` and is pushed and popped along the way: it is spelled out only for an error. */
function write(value: unknown, path: string[], open: Set<object>): string {
  switch (typeof value) {
    case 'boolean':
      return String(value);
    case 'number':
      if (!Number.isFinite(value)) return refuse(path, `the number ${value} has no JSON form`);
      return JSON.stringify(value);
    case 'string':
      if (!value.isWellFormed()) return refuse(path, 'the string has a lone surrogate');
      return JSON.stringify(value);
    case 'object':
      return value === null ? 'null' : writeObject(value, path, open);
    default:
      return refuse(path, `a ${typeof value} has no JSON form`);
  }
}

function writeObject(value: object, path: string[], open: Set<object>): string {
  if (open.has(value)) return refuse(path, 'the value contains itself');
  open.add(value);
  const text = Array.isArray(value)
    ? `[${Array.from(value, (item: unknown, index) => below(item, String(index), path, open)).join(',')}]`
    : writePlain(value, path, open);
  open.delete(value);
  return text;
}

function below(value: unknown, step: string, path: string[], open: Set<object>): string {
  path.push(step);
  const text = write(value, path, open);
  path.pop();
  return text;
}

function writePlain(value: object, path: string[], open: Set<object>): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    return refuse(path, 'the object is not a plain one');
  }
  const record = value as Readonly<Record<string, unknown>>;
  const members: string[] = [];
  for (const key of Object.keys(record).toSorted()) {
    if (record[key] === undefined) continue;
    if (!key.isWellFormed()) return refuse(path, 'a key has a lone surrogate');
    members.push(`${JSON.stringify(key)}:${below(record[key], key, path, open)}`);
  }
  return `{${members.join(',')}}`;
}

function refuse(path: readonly string[], why: string): never {
  const where = path.length === 0 ? 'the root' : `/${path.join('/')}`;
  throw new AppError('invalid_input', `Not canonical JSON at ${where}: ${why}`);
}

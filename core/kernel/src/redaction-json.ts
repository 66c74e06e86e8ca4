import type { JsonValue } from './json.ts';
import { isSecretName } from './redaction-patterns.ts';

const MAX_DEPTH = 100;
const REFERENCE = /^(?:env|file|vault):[A-Za-z0-9_./#-]+$/;
const MARK = /^\[redacted:[a-z][a-z0-9-]{0,30}\]$/;
const ANY_MARK = /\[redacted:[a-z][a-z0-9-]{0,30}\]/;

/** True when something in the value was hidden: it is no longer what it stands for. */
export function holdsMark(value: JsonValue): boolean {
  return ANY_MARK.test(JSON.stringify(value));
}

/**
 * Any value as JSON with its secrets hidden. Texts and keys go through `redactText`; under a key such as `password`
 * each text and number is hidden whole, as is `value` beside `name: "DB_PASSWORD"`. References to secrets
 * (`env:NAME`) stay. What JSON can't carry becomes text; cycles, great depth and what throws when it is read become
 * marks. Never throws.
 */
export function redactValue(value: unknown, redactText: (text: string) => string): JsonValue {
  const open = new Set<object>();
  const done = { plain: new WeakMap<object, JsonValue>(), secret: new WeakMap<object, JsonValue>() };

  function visit(item: unknown, secret: boolean, depth: number): JsonValue {
    switch (typeof item) {
      case 'string':
        return secret ? hidden(item) : redactText(item.toWellFormed());
      case 'number':
        if (secret) return '[redacted:secret]';
        return Number.isFinite(item) ? item : String(item);
      case 'boolean':
        return item;
      case 'bigint':
        return secret ? '[redacted:secret]' : redactText(String(item));
      case 'object':
        return item === null ? null : visitObject(item, secret, depth);
      case 'undefined':
        return null;
      default:
        return `[${typeof item}]`;
    }
  }

  function hidden(text: string): string {
    return text === '' || REFERENCE.test(text) || MARK.test(text) ? text : '[redacted:secret]';
  }

  function visitObject(item: object, secret: boolean, depth: number): JsonValue {
    if (open.has(item)) return '[redacted:cycle]';
    if (depth >= MAX_DEPTH) return '[redacted:depth]';
    const memo = secret ? done.secret : done.plain;
    const known = memo.get(item);
    if (known !== undefined) return known;
    open.add(item);
    let result: JsonValue;
    try {
      result = convert(item, secret, depth + 1);
    } catch {
      result = '[redacted:unreadable]';
    }
    open.delete(item);
    memo.set(item, result);
    return result;
  }

  function convert(item: object, secret: boolean, depth: number): JsonValue {
    if (Array.isArray(item)) return Array.from(item, (part: unknown) => visit(part, secret, depth));
    if (item instanceof Date) return Number.isNaN(item.getTime()) ? 'Invalid Date' : item.toISOString();
    if (ArrayBuffer.isView(item)) return `[${item.byteLength} bytes]`;
    if (item instanceof Map)
      return members(
        [...item].map(([key, part]) => [String(key), part]),
        secret,
        depth,
      );
    if (item instanceof Set) return Array.from(item, (part: unknown) => visit(part, secret, depth));
    if (item instanceof Error) {
      const { name, message, stack, cause } = item;
      const own = Object.entries(item).filter(([key]) => key !== 'cause');
      const parts: [string, unknown][] = [['name', name], ['message', message], ...own];
      if (stack !== undefined) parts.push(['stack', stack]);
      if (cause !== undefined) parts.push(['cause', cause]);
      return members(parts, secret, depth);
    }
    if (item instanceof URL) return visit(item.href, secret, depth);
    return members(Object.entries(item), secret, depth);
  }

  function members(
    entries: readonly (readonly [string, unknown])[],
    secret: boolean,
    depth: number,
  ): JsonValue {
    const label = entries.find(([key]) => key === 'name' || key === 'key')?.[1];
    const named = typeof label === 'string' && isSecretName(label);
    const result = new Map<string, JsonValue>();
    for (const [key, part] of entries) {
      if (part === undefined) continue;
      const hides = secret || isSecretName(key) || (named && key === 'value');
      result.set(freeKey(redactText(key.toWellFormed()), result), visit(part, hides, depth));
    }
    return Object.fromEntries(result);
  }

  return visit(value, false, 0);
}

/** Two keys that are hidden behind the same mark stay two. */
function freeKey(key: string, taken: ReadonlyMap<string, unknown>): string {
  if (!taken.has(key)) return key;
  let count = 2;
  while (taken.has(`${key}#${count}`)) count += 1;
  return `${key}#${count}`;
}

import { canonicalJson, jsonPointer } from '@carapulse/kernel';

/** Changes that are told of one resource. */
export const MAX_CHANGES = 100;
const MAX_VALUE = 500;
/** Where the values of a Secret, and copies of them, lie. */
const SECRET_FIELDS: ReadonlySet<string> = new Set(['data', 'stringData', 'metadata']);

export interface ObjectChange {
  readonly pointer: string;
  readonly live: string | null;
  readonly desired: string | null;
}

/** Where two objects differ, in the order of the first; at most one more than is told. */
export function changesBetween(
  live: object,
  desired: object,
  { masked }: { readonly masked: boolean },
): ObjectChange[] {
  const found: ObjectChange[] = [];
  const show = (value: unknown, path: readonly string[]): string | null => {
    if (value === undefined) return null;
    if (masked && SECRET_FIELDS.has(path[0] ?? '')) return '"(masked)"';
    const text = JSON.stringify(value);
    return text.length <= MAX_VALUE ? text : `${text.slice(0, MAX_VALUE)}…`;
  };
  const walk = (left: unknown, right: unknown, path: readonly string[]): void => {
    if (found.length > MAX_CHANGES || equal(left, right)) return;
    if (isNested(left) && isNested(right) && Array.isArray(left) === Array.isArray(right)) {
      const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
      for (const key of keys) walk(own(left, key), own(right, key), [...path, key]);
      return;
    }
    found.push({ pointer: jsonPointer(path), live: show(left, path), desired: show(right, path) });
  };
  walk(live, desired, []);
  return found;
}

type Nested = Readonly<Record<string, unknown>>;

function isNested(value: unknown): value is Nested {
  return typeof value === 'object' && value !== null;
}

function own(value: Nested, key: string): unknown {
  return Object.hasOwn(value, key) ? value[key] : undefined;
}

function equal(left: unknown, right: unknown): boolean {
  if (left === undefined || right === undefined) return left === right;
  return canonicalJson(left) === canonicalJson(right);
}

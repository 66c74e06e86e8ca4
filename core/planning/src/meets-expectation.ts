import { canonicalJson, type JsonValue } from '@carapulse/kernel';
import type { Expectation } from '@carapulse/plan';

/** Compares a value that is there. Values of different types never compare; that is false, not an error. */
export function meetsExpectation(
  value: JsonValue | undefined,
  op: Expectation['op'],
  wanted: JsonValue,
): boolean {
  if (op === 'exists') return (value !== undefined) === (wanted !== false);
  if (value === undefined) return false;
  switch (op) {
    case 'eq':
      return canonicalJson(value) === canonicalJson(wanted);
    case 'ne':
      return canonicalJson(value) !== canonicalJson(wanted);
    case 'contains':
      return typeof value === 'string'
        ? typeof wanted === 'string' && value.includes(wanted)
        : Array.isArray(value) &&
            value.some((item: JsonValue) => canonicalJson(item) === canonicalJson(wanted));
    default:
      return typeof value === 'number' && typeof wanted === 'number' && ORDER[op](value, wanted);
  }
}

const ORDER: Readonly<Record<'lt' | 'lte' | 'gt' | 'gte', (value: number, wanted: number) => boolean>> = {
  lt: (value, wanted) => value < wanted,
  lte: (value, wanted) => value <= wanted,
  gt: (value, wanted) => value > wanted,
  gte: (value, wanted) => value >= wanted,
};

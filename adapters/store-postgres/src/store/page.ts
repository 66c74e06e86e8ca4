import { AppError } from '@carapulse/kernel';
import type { Page, PageRequest } from '@carapulse/operations';

/** Cuts rows fetched with `limit + 1` into a page. */
export function toPage<Row, T>(
  rows: readonly Row[],
  page: PageRequest,
  keyOf: (row: Row) => string,
  toItem: (row: Row) => T,
): Page<T> {
  const kept = rows.slice(0, page.limit);
  const last = kept.at(-1);
  return {
    items: kept.map((row) => toItem(row)),
    next: rows.length > page.limit && last !== undefined ? keyOf(last) : null,
  };
}

/** A sequence number given as a page's `after`. @throws AppError `invalid_input`. */
export function sequenceAfter(after: string): number {
  const value = Number(after);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new AppError('invalid_input', 'The cursor is not one that this list gave out.');
}

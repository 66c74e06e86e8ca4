import { AppError } from '@carapulse/kernel';
import type { Page, PageRequest } from '../ports/index.ts';

export function sorted<T>(rows: readonly T[], by: (row: T) => string): readonly T[] {
  return rows.toSorted((a, b) => (by(a) < by(b) ? -1 : by(a) > by(b) ? 1 : 0));
}

/** Newest first: ids sort by creation. */
export function toPage<T>(
  rows: readonly T[],
  { limit, after }: PageRequest,
  by: (row: T) => string,
): Page<T> {
  const found = sorted(rows, by)
    .toReversed()
    .filter((row) => after === null || by(row) < after);
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return { items, next: found.length > limit && last !== undefined ? by(last) : null };
}

export function missing(what: string, id: string): AppError {
  return new AppError('not_found', `There is no ${what} ${id}.`);
}

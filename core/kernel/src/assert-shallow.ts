import { AppError } from './app-error.ts';

/** Deeper than any request of ours, far below what a recursive parser can take. */
const MAX_DEPTH = 64;

/** @throws AppError `invalid_input` when a JSON value is nested deeper than 64 levels. */
export function assertShallow(value: unknown): void {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH)
      throw new AppError('invalid_input', `The body is nested deeper than ${MAX_DEPTH} levels.`);
    level = level.flatMap((each) =>
      typeof each === 'object' && each !== null ? (Object.values(each) as unknown[]) : [],
    );
  }
}

import type { z } from 'zod';
import { AppError } from './app-error.ts';

/** RFC 6901 pointer of a path into a document. */
export function jsonPointer(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/**
 * Parses untrusted data at the edge.
 * @throws AppError `invalid_input` with one fault (JSON pointer, detail) for each issue.
 */
export function parseInput<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.map((issue) => ({
    pointer: jsonPointer(issue.path),
    detail: issue.message,
  }));
  const first = errors[0];
  const where = first === undefined || first.pointer === '' ? '' : ` at ${first.pointer}`;
  throw new AppError('invalid_input', `${what} is not valid${where}: ${first?.detail ?? 'unknown fault'}`, {
    errors,
  });
}

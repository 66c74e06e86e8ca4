import { AppError } from '@carapulse/kernel';

/** Makes a list's sort key opaque, bound to the list it came from. */
export function encodeCursor(list: string, after: string | null): string | null {
  return after === null ? null : Buffer.from(JSON.stringify([list, after])).toString('base64url');
}

/** @throws AppError `invalid_input` when it is not a cursor of this list. */
export function decodeCursor(list: string, cursor: string | undefined): string | null {
  if (cursor === undefined) return null;
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (
      Array.isArray(parsed) &&
      parsed.length === 2 &&
      parsed[0] === list &&
      typeof parsed[1] === 'string' &&
      parsed[1].length <= 500
    ) {
      return parsed[1];
    }
  } catch {
    // The same refusal as for a cursor of another list.
  }
  throw new AppError(
    'invalid_input',
    'The cursor is not one of this list; leave it out to start from the top.',
    {
      errors: [{ pointer: '/cursor', detail: 'not a cursor of this list' }],
    },
  );
}

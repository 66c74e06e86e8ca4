import { AppError } from '@carapulse/kernel';
import { z } from 'zod';

const OURS = 'carapulse:';

/** Names for ever what a write makes: a second write under it makes nothing, and its undo finds it by it. */
export const WriteKey = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{7,63}$/, 'lower-case letters, digits and dashes, 8 to 64');

/** The tag that carries a key where an API has tags. */
export function keyTag(key: string): string {
  return `${OURS}${key}`;
}

/** The line that carries a key where an API has nothing but text. */
export function keyMark(key: string): string {
  return `[${keyTag(key)}]`;
}

/** True for a text in which a tag or a mark of ours could be seen. */
export function looksMarked(text: string): boolean {
  return text.toLowerCase().includes(OURS);
}

/** The text with the mark as its last line. */
export function markedText(text: string, key: string): string {
  return text === '' ? keyMark(key) : `${text}\n\n${keyMark(key)}`;
}

/** True when the last line is the mark; white space that a service adds at the end doesn't count. */
export function isMarkedWith(text: string, key: string): boolean {
  return text.trimEnd().split(/\r?\n/).at(-1) === keyMark(key);
}

/**
 * What was made under a key, out of a list that may not be all there is.
 * @throws AppError `tool_failed` when it isn't among what was read and there is more.
 */
export function foundOfKey<T>(what: string, found: readonly T[], complete: boolean): readonly T[] {
  if (found.length > 0 || complete) return found;
  throw new AppError(
    'tool_failed',
    `${what} are more than are read, and none of those read was made under the key; look for it by hand.`,
    { details: { class: 'permanent', effect: 'none', reason: 'list_too_long' } },
  );
}

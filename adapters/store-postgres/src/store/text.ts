import { AppError, sha256Hex } from '@carapulse/kernel';

const LONGEST_KEY = 400;
/** In bytes: two of them, or one and an indexKey, still fit an index entry. */
const LONGEST_EXACT_KEY = 1000;

/** PostgreSQL's text cannot hold NUL; in text for people it becomes U+FFFD. */
export function freeText(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text;
}

/** What an index holds for an identity of any length and content: itself, or its digest. Never the same for two. */
export function indexKey(text: string): string {
  const fits = text.length <= LONGEST_KEY && !text.includes('\0') && text.isWellFormed();
  return fits && !text.startsWith('sha256:') ? text : `sha256:${sha256Hex(JSON.stringify(text))}`;
}

/** An identity that must be kept as it is. @throws AppError `invalid_input` when the database could not. */
export function exactKey(text: string, what: string): string {
  const fits = text !== '' && Buffer.byteLength(text) <= LONGEST_EXACT_KEY;
  if (fits && !text.includes('\0') && text.isWellFormed()) return text;
  throw new AppError(
    'invalid_input',
    `${what} must have 1 to ${LONGEST_EXACT_KEY} bytes, none of them NUL, and no half of a surrogate pair.`,
  );
}

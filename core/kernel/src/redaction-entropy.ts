import { ID_PREFIXES } from './ids.ts';
import { CHARSETS, isIn } from './redaction-chars.ts';

const MIN_LENGTH = 20;
/** Longer runs are judged by their beginning. */
const JUDGED_LENGTH = 256;
/** Hex digests and object names in common use; the same lengths of random hex can't be told from them. */
const DIGEST_LENGTHS = new Set([32, 40, 56, 64, 96, 128]);
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const HEX = /^(?:[0-9a-f]+|[0-9A-F]+)$/;
const OUR_ID = new RegExp(`^(?:${Object.values(ID_PREFIXES).join('|')})_[0-9a-hjkmnp-tv-z]{26}$`);
const SSH_PUBLIC =
  /^AAAA(?:C3NzaC1lZDI1NTE5|B3NzaC1yc2E|E2VjZHNhLXNoYTI|GnNrLXNzaC1lZDI1NTE5|InNrLWVjZHNhLXNoYTI)/;
const AGE_PUBLIC = /^age1[02-9ac-hj-np-z]{58}$/;
const INTEGRITY = /^sha(?:1|256|384|512)-/;

/**
 * True when the token is too random to be a name, and isn't one of the random-looking things that are public: git
 * object names, UUIDs, digests, our ids, subresource integrity, SSH and age public keys, paths of such.
 */
export function looksRandom(token: string): boolean {
  if (token.length < MIN_LENGTH || changeRate(token.slice(0, JUDGED_LENGTH)) < 0.02) return false;
  if (SSH_PUBLIC.test(token) || INTEGRITY.test(token)) return false;
  const judged = token.slice(0, JUDGED_LENGTH);
  if (!judged.includes('/') && !judged.includes('+')) return segmentIsRandom(judged);
  const segments = judged.split(/[/+]/);
  if (segments.some(segmentIsRandom)) return true;
  return !segments.some(isPublic) && mixedIsRandom(judged);
}

function isPublic(segment: string): boolean {
  return (
    OUR_ID.test(segment) ||
    UUID.test(segment) ||
    AGE_PUBLIC.test(segment) ||
    (HEX.test(segment) && segment.length >= 7)
  );
}

function segmentIsRandom(segment: string): boolean {
  if (segment.length < MIN_LENGTH) return false;
  if (HEX.test(segment)) {
    return (
      segment.length > 40 &&
      segment.length < 129 &&
      !DIGEST_LENGTHS.has(segment.length) &&
      entropy(segment) > 3
    );
  }
  if (isPublic(segment)) return false;
  const longest = segment.split(/[-_]/).toSorted((a, b) => b.length - a.length)[0] ?? '';
  if (longest.length >= 16 && !isPublic(longest) && shapeIsRandom(longest)) return true;
  return mixedIsRandom(segment) && !segment.split(/[-_]/).some(isPublic);
}

/** Upper case, lower case and digits, changing as often as chance does. */
function mixedIsRandom(text: string): boolean {
  return /[a-z]/.test(text) && /[A-Z]/.test(text) && /[0-9]/.test(text) && shapeIsRandom(text);
}

/**
 * Names change their kind of letter seldom and repeat letters; random text does neither. Chance changes kind at
 * 62 % of places in base 62 and 40 % in base 36; names written in camel case stay under 30 %.
 */
function shapeIsRandom(text: string): boolean {
  if (!/[0-9]/.test(text) && !/[a-z]/.test(text)) return false;
  if (!/[0-9]/.test(text) && !/[A-Z]/.test(text)) return false;
  const needsMore = !/[0-9]/.test(text);
  if (changeRate(text) < (needsMore ? 0.45 : 0.32)) return false;
  return entropy(text) >= Math.min(4.3, 0.82 * Math.log2(text.length));
}

function kindOf(code: number): number {
  if (code >= 97 && code <= 122) return 1;
  if (code >= 65 && code <= 90) return 2;
  return code >= 48 && code <= 57 ? 3 : 0;
}

function changeRate(text: string): number {
  let changes = 0;
  let pairs = 0;
  let before = kindOf(text.charCodeAt(0));
  for (let index = 1; index < text.length; index += 1) {
    const kind = kindOf(text.charCodeAt(index));
    if (kind !== 0 && before !== 0) {
      pairs += 1;
      if (kind !== before) changes += 1;
    }
    before = kind;
  }
  return pairs === 0 ? 0 : changes / pairs;
}

/** Shannon entropy of the token's own characters, bits a character. */
function entropy(text: string): number {
  const counts = new Map<string, number>();
  for (const char of text) counts.set(char, (counts.get(char) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}

/** Calls `visit` for each maximal run of base64 characters (padding apart) that is long enough to judge. */
export function forEachRun(text: string, visit: (start: number, end: number) => void): void {
  let start = -1;
  for (let index = 0; index <= text.length; index += 1) {
    const code = index < text.length ? text.charCodeAt(index) : 0;
    if (code !== 61 && isIn(code, CHARSETS.base64)) {
      if (start < 0) start = index;
    } else if (start >= 0) {
      if (index - start >= MIN_LENGTH) visit(start, index);
      start = -1;
    }
  }
}

const ALNUM = 1;
const UPPER_ALNUM = 2;
const UNDERSCORE = 4;
const HYPHEN = 8;
const DOT = 16;
const BASE64 = 32;

const FLAGS = new Uint8Array(128);
for (let code = 0; code < 128; code += 1) {
  const char = String.fromCharCode(code);
  let flags = 0;
  if (/[A-Za-z0-9]/.test(char)) flags |= ALNUM;
  if (/[A-Z0-9]/.test(char)) flags |= UPPER_ALNUM;
  if (char === '_') flags |= UNDERSCORE;
  if (char === '-') flags |= HYPHEN;
  if (char === '.') flags |= DOT;
  if (char === '+' || char === '/' || char === '=') flags |= BASE64;
  FLAGS[code] = flags;
}

/** Masks for `isIn` and `runEnd`. */
export const CHARSETS = {
  alnum: ALNUM,
  upper: UPPER_ALNUM,
  word: ALNUM | UNDERSCORE,
  url: ALNUM | UNDERSCORE | HYPHEN,
  dotted: ALNUM | UNDERSCORE | HYPHEN | DOT,
  base64: ALNUM | UNDERSCORE | HYPHEN | BASE64,
  credential: ALNUM | UNDERSCORE | HYPHEN | DOT | BASE64,
} as const;

export function isIn(code: number, mask: number): boolean {
  return code < 128 && ((FLAGS[code] as number) & mask) !== 0;
}

/** First index at or after `from` whose character isn't in the charset; at most `limit`. */
export function runEnd(text: string, from: number, mask: number, limit = text.length): number {
  let index = from;
  while (index < limit && isIn(text.charCodeAt(index), mask)) index += 1;
  return index;
}

export function isSpace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13) || code === 0x85 || code === 0xa0 || code === 0x2028;
}

/** A carriage return or line feed: no secret but a PEM block reaches over it. */
export function isLineEnd(code: number): boolean {
  return code === 10 || code === 13;
}

import { CHARSETS, isIn, isLineEnd, isSpace, runEnd } from './redaction-chars.ts';
import { endOfBlock, endOfLabel } from './redaction-pem.ts';
import type { TokenPattern } from './redaction-patterns.ts';

/** A stretch of text to hide. `from` is where what gave it away begins (a key's name), at or before `start`. */
export interface RedactionSpan {
  readonly from: number;
  readonly start: number;
  readonly end: number;
  readonly kind: string;
}

/**
 * What the matchers share over one text. Invariant: each matcher either advances `until` past what it read, reads a
 * stretch that no other start of its kind reads again (memos below), or reads a constant number of characters.
 * That bounds `work`, the characters read, by a constant times the length of the text.
 */
export interface MatchState {
  readonly text: string;
  work: number;
  /** End of the runs and lines that were read in vain, one a kind of matcher. */
  jwtReadTo: number;
  noAtTo: number;
  /** Public blocks (certificates, public keys), where randomness says nothing. */
  readonly publicRegions: { readonly start: number; readonly end: number }[];
}

/** Judges one hit of an anchor: `start` to `end` is the literal. */
export type Matcher = (state: MatchState, start: number, end: number) => RedactionSpan | null;

const MAX_GAP = 16;
const VARIABLE = /\$\{[A-Za-z_][A-Za-z0-9_]{0,100}\}/y;
const MARK = /\[redacted:[a-z][a-z0-9-]{0,30}\]/y;
const NOT_SECRET =
  /^(?:null|true|false|none|nil|undefined|\*+|\$\{[A-Za-z_][A-Za-z0-9_]*\}|(?:env|file|vault):[A-Za-z0-9_./#-]+)$/i;

/** A known prefix and a run of its charset. */
export function tokenMatcher(pattern: TokenPattern, prefix: string): Matcher {
  const mask = CHARSETS[pattern.charset];
  return (state, start, end) => {
    const { text } = state;
    if (!text.startsWith(prefix, start)) return null;
    if (pattern.wholeWord === true && !startsWord(text, start)) return null;
    const limit = pattern.max === undefined ? text.length : Math.min(text.length, end + pattern.max + 1);
    const stop = runEnd(text, end, mask, limit);
    state.work += stop - end;
    const length = stop - end;
    if (length < pattern.min || length > (pattern.max ?? Infinity)) return null;
    return { from: start, start, end: stop, kind: pattern.kind };
  };
}

/** No letter or digit stands before, an escape such as `\n` in JSON apart. */
function startsWord(text: string, start: number): boolean {
  if (start === 0 || !isIn(text.charCodeAt(start - 1), CHARSETS.alnum)) return true;
  return start > 1 && text[start - 2] === '\\';
}

/** JSON Web Tokens: three to five dotted base64url parts, the first of them a JSON object. */
export const matchJwt: Matcher = (state, start) => {
  const { text } = state;
  if (!text.startsWith('eyJ', start) || start < state.jwtReadTo) return null;
  let end = start;
  let parts = 0;
  let firstEnd = start;
  while (parts < 5) {
    const stop = runEnd(text, end, CHARSETS.url);
    state.work += stop - end + 1;
    if (parts === 0) firstEnd = stop;
    // The last part, the signature, may be empty; the ones before it may only be in encrypted tokens.
    parts += 1;
    end = stop;
    if (text[stop] !== '.') break;
    end = stop + 1;
  }
  const dots = text[end - 1] === '.' ? parts : parts - 1;
  if (dots < 2 || firstEnd - start < 10) {
    state.jwtReadTo = firstEnd;
    return null;
  }
  return { from: start, start, end, kind: 'jwt' };
};

/** PEM blocks: private keys are hidden up to their end, or to the end of the text; public ones are noted. */
export const matchPem: Matcher = (state, start, end) => {
  const { text } = state;
  if (!text.startsWith('-----BEGIN ', start)) return null;
  const body = endOfLabel(text, start);
  state.work += 64;
  if (body < 0) return null;
  const isPrivate = text.slice(end, body).includes('PRIVATE KEY');
  const dashes = text.indexOf('-----', body);
  state.work += (dashes < 0 ? text.length : dashes) - body + 64;
  const stop = dashes < 0 ? text.length : endOfBlock(text, dashes);
  if (isPrivate) return { from: start, start, end: stop, kind: 'private-key' };
  if (dashes >= 0) state.publicRegions.push({ start, end: stop });
  return null;
};

/** Base64 of a PEM block, as kubeconfigs and Secrets carry them: public ones are noted, others hidden. */
export const matchEncodedPem: Matcher = (state, start, end) => {
  const { text } = state;
  if (!text.startsWith('LS0tLS1CRUdJTi', start)) return null;
  const stop = runEnd(text, end, CHARSETS.base64);
  state.work += stop - end + 64;
  const label = Buffer.from(text.slice(start, start + 64), 'base64').toString('latin1');
  if (!label.includes('PRIVATE') && /^-----BEGIN (?:CERTIFICATE|[A-Z ]*PUBLIC KEY|PGP PUBLIC)/.test(label)) {
    state.publicRegions.push({ start, end: stop });
    return null;
  }
  return { from: start, start, end: stop, kind: 'private-key' };
};

/** Passwords in `scheme://user:password@host`, and tokens that stand alone before the `@`. */
export const matchUrl: Matcher = (state, start, end) => {
  const { text } = state;
  let index = end;
  let at = -1;
  let colon = -1;
  for (; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === 47 || code === 63 || code === 35 || isUrlEnd(code)) break;
    if (code === 64) at = index;
    else if (code === 58 && colon < 0) colon = index;
  }
  state.work += index - end;
  if (at < 0 && colon >= 0 && index < text.length && !isUrlEnd(text.charCodeAt(index))) {
    at = unescapedPassword(state, colon + 1, index);
  }
  if (at < 0) return null;
  const secret = colon >= 0 && colon < at ? colon + 1 : end;
  if (secret === at || (secret === end && at - end < 16)) return null;
  if (isMark(text, secret, at) || isMark(text, end, at)) return null;
  return { from: start, start: secret, end: at, kind: 'basic-auth' };
};

function isUrlEnd(code: number): boolean {
  return isSpace(code) || code === 34 || code === 39 || code === 60 || code === 62 || code === 96;
}

/** A password with a slash that nobody escaped: what follows the colon is no port, and an `@` comes in the word. */
function unescapedPassword(state: MatchState, from: number, delimiter: number): number {
  const { text } = state;
  if (from >= delimiter || /^[0-9]+$/.test(text.slice(from, delimiter))) return -1;
  if (delimiter < state.noAtTo) return -1;
  let index = delimiter;
  let at = -1;
  for (; index < text.length && !isUrlEnd(text.charCodeAt(index)); index += 1) {
    if (text.charCodeAt(index) === 64) at = index;
  }
  state.work += index - delimiter;
  if (at < 0) state.noAtTo = index;
  return at;
}

/** `Bearer …` and `Basic …` wherever they stand; prose ("basic authentication") has no random word after it. */
export const matchScheme: Matcher = (state, start, end) => {
  const { text } = state;
  let index = end;
  while (index < end + MAX_GAP && text.charCodeAt(index) === 32) index += 1;
  const stop = runEnd(text, index, CHARSETS.credential);
  state.work += stop - end + 1;
  const token = text.slice(index, stop);
  if (token.length < 8) return null;
  if (token.length < 24 && !/[0-9=]/.test(token) && !/[A-Z].*[A-Z]/.test(token)) return null;
  return { from: start, start: index, end: stop, kind: 'authorization' };
};

/** `name=value`, `name: value`, `"name":"value"`, `--name value`, `<name>value`. */
export const matchPair: Matcher = (state, start, end) => {
  const site = valueSite(state, start, end);
  if (site === null) return null;
  return matchValue(state, start, site, 'secret');
};

/** `Authorization: Scheme credentials`, `Cookie: …`: to the end of the quoted text or of the line. */
export const matchHeader: Matcher = (state, start, end) => {
  const site = valueSite(state, start, end);
  if (site === null) return null;
  const { text } = state;
  if (site.quote !== null) return matchValue(state, start, site, 'authorization');
  const opened = text[start - 1];
  const quote = opened === '"' || opened === "'" ? opened : null;
  let stop = site.start;
  while (stop < text.length && !isLineEnd(text.charCodeAt(stop)) && text[stop] !== quote) stop += 1;
  state.work += stop - site.start;
  const words = /^(?:bearer|basic|token|apikey) +[^\s"',;]+/i.exec(text.slice(site.start, stop));
  const length = words === null ? stop - site.start : words[0].length;
  const value = site.start + length;
  if (length === 0 || isMark(text, site.start, value)) return null;
  return { from: start, start: site.start, end: value, kind: 'authorization' };
};

interface ValueSite {
  readonly start: number;
  /** What closes the value, backslashes included, or null for a bare word. */
  readonly quote: string | null;
}

function valueSite(state: MatchState, start: number, end: number): ValueSite | null {
  const { text } = state;
  let index = runEnd(text, end, CHARSETS.alnum, Math.min(text.length, end + 2));
  if (index > end && !/^[0-9]+$/.test(text.slice(end, index))) return null;
  if (isIn(text.charCodeAt(index), CHARSETS.url)) return null;
  const closing = quoteAt(text, index);
  if (closing !== null) index += closing.length;
  const gap = skipBlanks(text, index);
  const separator = separatorAt(text, gap);
  state.work += gap - end + 4;
  if (separator > 0) {
    const value = skipBlanks(text, gap + separator);
    const quote = quoteAt(text, value);
    return { start: value + (quote?.length ?? 0), quote };
  }
  if (gap === index || closing !== null) return null;
  let name = start;
  while (name > 0 && isIn(text.charCodeAt(name - 1), CHARSETS.url)) name -= 1;
  state.work += start - name;
  if (!text.startsWith('--', name) || text[gap] === '-') return null;
  const quote = quoteAt(text, gap);
  return { start: gap + (quote?.length ?? 0), quote };
}

function skipBlanks(text: string, from: number): number {
  let index = from;
  while (index < from + MAX_GAP && (text[index] === ' ' || text[index] === '\t')) index += 1;
  return index;
}

function separatorAt(text: string, index: number): number {
  const two = text.slice(index, index + 2);
  if (two === ':=' || two === '=>' || two === '==') return 2;
  if (/^%3[dD]/.test(text.slice(index, index + 3))) return 3;
  return text[index] === '=' || text[index] === ':' || text[index] === '>' ? 1 : 0;
}

/** A quote with the backslashes before it, as texts inside texts have them. */
function quoteAt(text: string, index: number): string | null {
  let stop = index;
  while (stop < index + 8 && text[stop] === '\\') stop += 1;
  const char = text[stop];
  return char === '"' || char === "'" || char === '`' ? text.slice(index, stop + 1) : null;
}

function matchValue(state: MatchState, from: number, site: ValueSite, kind: string): RedactionSpan | null {
  const { text } = state;
  const end = site.quote === null ? bareEnd(text, site.start) : quotedEnd(text, site.start, site.quote);
  state.work += end - site.start + 1;
  if (end === site.start || isMark(text, site.start, end)) return null;
  if (end - site.start < 200 && NOT_SECRET.test(text.slice(site.start, end))) return null;
  if (text[site.start] === '/' && /pwd$/i.test(text.slice(from, from + 3))) return null;
  return { from, start: site.start, end, kind };
}

/** To the closing quote on the same line; to the end of the line when it is missing. */
function quotedEnd(text: string, from: number, quote: string): number {
  for (let index = from; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (isLineEnd(code)) return index;
    if (text.startsWith(quote, index)) return index;
    if (code === 92 && quote.length === 1) index += 1;
  }
  return text.length;
}

function bareEnd(text: string, from: number): number {
  VARIABLE.lastIndex = from;
  let index = from + (VARIABLE.exec(text)?.[0].length ?? 0);
  while (index < text.length) {
    const code = text.charCodeAt(index);
    if (isSpace(code) || isQuote(code) || code === 38) break;
    if (isClosing(code) && endsWord(text, index + 1)) break;
    if (code === 91) {
      MARK.lastIndex = index;
      const mark = MARK.exec(text);
      if (mark !== null) {
        index += mark[0].length;
        continue;
      }
    }
    index += 1;
  }
  return index;
}

function isQuote(code: number): boolean {
  return code === 34 || code === 39 || code === 96;
}

/** , ; ) ] } < > */
function isClosing(code: number): boolean {
  return (
    code === 44 || code === 59 || code === 41 || code === 93 || code === 125 || code === 60 || code === 62
  );
}

function endsWord(text: string, index: number): boolean {
  if (index >= text.length) return true;
  const code = text.charCodeAt(index);
  return isSpace(code) || isQuote(code) || isClosing(code) || code === 47;
}

function isMark(text: string, start: number, end: number): boolean {
  if (text.charCodeAt(start) !== 91 || end - start > 42) return false;
  MARK.lastIndex = start;
  return MARK.exec(text)?.[0].length === end - start;
}

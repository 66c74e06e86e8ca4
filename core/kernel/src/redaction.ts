import { AppError } from './app-error.ts';
import type { JsonValue } from './json.ts';
import { createLiteralScanner } from './literal-scanner.ts';
import { CHARSETS, isIn, runEnd } from './redaction-chars.ts';
import { forEachRun, looksRandom } from './redaction-entropy.ts';
import { redactValue } from './redaction-json.ts';
import { knownForms } from './redaction-known-values.ts';
import {
  matchEncodedPem,
  matchHeader,
  matchJwt,
  matchPair,
  matchPem,
  matchScheme,
  matchUrl,
  tokenMatcher,
} from './redaction-matchers.ts';
import type { Matcher, MatchState, RedactionSpan } from './redaction-matchers.ts';
import { SECRET_HEADERS, SECRET_NAMES, TOKEN_PATTERNS } from './redaction-patterns.ts';
import type { TokenPattern } from './redaction-patterns.ts';
import { createRedactionStream } from './redaction-stream.ts';
import type { RedactionStream } from './redaction-stream.ts';

export interface RedactorOptions {
  /** Secrets that this process holds; each is also looked for in its encoded forms. Shorter than 6 characters: not. */
  readonly knownValues?: readonly string[];
  /** Prefixes of an installation's own, beside the built-in ones. */
  readonly patterns?: readonly TokenPattern[];
  /** False leaves long random-looking words alone; true by default. */
  readonly entropy?: boolean;
}

/** What one pass over a text found. `work` counts characters read, at most a constant times the text's length. */
export interface RedactionScan {
  /** In order, not overlapping. */
  readonly spans: readonly RedactionSpan[];
  readonly work: number;
}

/**
 * Hides secrets at an exit of the process, each behind a mark `[redacted:<kind>]`. Invariants: never throws; linear in
 * the text; redacting twice gives what redacting once gave; streaming gives what the whole text would.
 */
export interface Redactor {
  readonly redactText: (text: string) => string;
  /** Any value as JSON, with the values of keys such as `password` hidden whole; see redactValue. */
  readonly redactJson: (value: unknown) => JsonValue;
  /** For text that comes in chunks; one stream a source. */
  readonly stream: () => RedactionStream;
  readonly scan: (text: string) => RedactionScan;
}

const MAX_ROUNDS = 6;

interface Anchor {
  readonly literal: string;
  readonly match: Matcher;
}

/** @throws AppError `invalid_input` for a pattern whose kind or prefix can't be used. */
export function createRedactor(options: RedactorOptions = {}): Redactor {
  const patterns = [...TOKEN_PATTERNS, ...(options.patterns ?? [])];
  for (const pattern of patterns) assertUsable(pattern);
  const anchors = anchorsOf(patterns);
  const anchorScanner = createLiteralScanner(
    anchors.map((anchor) => anchor.literal),
    true,
  );
  const forms = knownForms(options.knownValues ?? []);
  const knownScanner =
    forms.length === 0
      ? null
      : createLiteralScanner(
          forms.map((form) => form.text),
          false,
        );
  const entropy = options.entropy ?? true;
  const longest = forms.reduce((most, form) => Math.max(most, form.text.length), 0);

  function scan(text: string): RedactionScan {
    const state: MatchState = { text, work: text.length, jwtReadTo: 0, noAtTo: 0, publicRegions: [] };
    const spans: RedactionSpan[] = [];
    let until = 0;
    anchorScanner.scan(text, (index, end) => {
      const anchor = anchors[index];
      if (anchor === undefined) return;
      const start = end - anchor.literal.length;
      // A key's lines go on where the value that its first line is ends.
      if (start < until && anchor.match !== matchPem) return;
      const span = anchor.match(state, start, end);
      if (span === null) return;
      spans.push(span);
      until = Math.max(until, span.end);
    });
    if (knownScanner !== null) {
      const marks = marksIn(text);
      state.work += text.length;
      let covered = 0;
      knownScanner.scan(text, (index, end) => {
        const form = forms[index];
        if (form === undefined || end <= covered) return;
        let start = end - form.text.length;
        if (liesIn(marks, start, end)) return;
        let stop = end;
        if (form.isBase64) {
          while (start > covered && isIn(text.charCodeAt(start - 1), CHARSETS.base64)) start -= 1;
          stop = runEnd(text, end, CHARSETS.base64);
          state.work += stop - start;
        }
        spans.push({ from: start, start, end: stop, kind: 'known-value' });
        covered = stop;
      });
    }
    if (entropy) addRandom(text, state, spans);
    return { spans: merge(spans), work: state.work };
  }

  function redactText(text: string): string {
    let result = text;
    // A mark may make its neighbours stand apart, so the result is searched again; it is short of rounds only in theory.
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const { spans } = scan(result);
      if (spans.length === 0) return result;
      result = replace(result, spans);
    }
    return result;
  }

  return {
    redactText,
    redactJson: (value) => redactValue(value, redactText),
    stream: () => createRedactionStream({ scan, redactText, longestKnown: longest }),
    scan,
  };
}

function replace(text: string, spans: readonly RedactionSpan[]): string {
  let result = '';
  let done = 0;
  for (const span of spans) {
    result += `${text.slice(done, span.start)}[redacted:${span.kind}]`;
    done = span.end;
  }
  return result + text.slice(done);
}

function assertUsable(pattern: TokenPattern): void {
  if (!/^[a-z][a-z0-9-]{0,30}$/.test(pattern.kind)) {
    throw new AppError(
      'invalid_input',
      `The redaction pattern kind ${JSON.stringify(pattern.kind)} is not lower-case words joined by hyphens`,
    );
  }
  if (
    pattern.prefixes.length === 0 ||
    pattern.prefixes.some((prefix) => prefix.length < 2) ||
    pattern.min < 1
  ) {
    throw new AppError(
      'invalid_input',
      `The redaction pattern ${pattern.kind} needs prefixes of at least two characters and a min of at least 1`,
    );
  }
}

function anchorsOf(patterns: readonly TokenPattern[]): readonly Anchor[] {
  return [
    { literal: '-----BEGIN ', match: matchPem },
    { literal: 'LS0tLS1CRUdJTi', match: matchEncodedPem },
    { literal: 'eyJ', match: matchJwt },
    { literal: '://', match: matchUrl },
    { literal: 'bearer ', match: matchScheme },
    { literal: 'basic ', match: matchScheme },
    ...SECRET_HEADERS.map((literal) => ({ literal, match: matchHeader })),
    ...SECRET_NAMES.map((literal) => ({ literal, match: matchPair })),
    ...patterns.flatMap((pattern) =>
      pattern.prefixes.map((literal) => ({ literal, match: tokenMatcher(pattern, literal) })),
    ),
  ];
}

/** Adds the random-looking runs that nothing has hidden and that no public block contains. */
function addRandom(text: string, state: MatchState, spans: RedactionSpan[]): void {
  const taken = merge(spans);
  const regions = state.publicRegions;
  let nextTaken = 0;
  let nextRegion = 0;
  forEachRun(text, (start, end) => {
    while ((taken[nextTaken]?.end ?? Infinity) <= start) nextTaken += 1;
    while ((regions[nextRegion]?.end ?? Infinity) <= start) nextRegion += 1;
    if ((regions[nextRegion]?.start ?? Infinity) <= start) return;
    if ((taken[nextTaken]?.start ?? Infinity) < end) return;
    state.work += Math.min(end - start, 256);
    if (/sha(?:256|384|512):$/i.test(text.slice(Math.max(0, start - 7), start))) return;
    if (!looksRandom(text.slice(start, end))) return;
    let stop = end;
    while (stop < end + 2 && text[stop] === '=') stop += 1;
    spans.push({ from: start, start, end: stop, kind: 'high-entropy' });
  });
  state.work += text.length;
}

function merge(spans: readonly RedactionSpan[]): RedactionSpan[] {
  const merged: RedactionSpan[] = [];
  for (const span of spans.toSorted((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last === undefined || span.start >= last.end) merged.push(span);
    else if (span.end > last.end) {
      merged[merged.length - 1] = { ...last, from: Math.min(last.from, span.from), end: span.end };
    }
  }
  return merged;
}

interface Stretch {
  readonly start: number;
  readonly end: number;
}

function marksIn(text: string): readonly Stretch[] {
  if (!text.includes('[redacted:')) return [];
  return Array.from(text.matchAll(/\[redacted:[a-z][a-z0-9-]{0,30}\]/g), (match) => ({
    start: match.index,
    end: match.index + match[0].length,
  }));
}

function liesIn(stretches: readonly Stretch[], start: number, end: number): boolean {
  let low = 0;
  let high = stretches.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((stretches[middle]?.start ?? Infinity) <= start) low = middle + 1;
    else high = middle;
  }
  return end <= (stretches[low - 1]?.end ?? -1);
}

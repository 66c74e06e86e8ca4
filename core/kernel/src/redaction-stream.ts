/**
 * Redacts text that comes in chunks.
 *
 * Owner: one source of text. Boundary: text in, text out; whoever decodes bytes keeps characters whole.
 * Invariants:
 * 1. What `push` and `end` gave, joined, is what `redactText` gives for the whole text, as long as no line and no PEM
 *    block is longer than the hold-back: nothing but a PEM block reaches over the end of a line, so whole lines with
 *    whole blocks are given.
 * 2. Nothing of a secret is given before the secret is complete, wherever the chunks are cut.
 * 3. At most the hold-back and one chunk are held. A longer line is cut where no secret stands; of a longer private
 *    key, and of a line whose secret doesn't end, only the mark is given.
 */
import { endOfBlock, endOfLabel, lineEnd } from './redaction-pem.ts';
import type { RedactionSpan } from './redaction-matchers.ts';

export interface RedactionStream {
  /** Takes the next chunk and gives what is safe to show. */
  push(chunk: string): string;
  /** Gives what was held. The stream can be used again for a new text. */
  end(): string;
}

export interface RedactionStreamParts {
  readonly scan: (text: string) => { readonly spans: readonly RedactionSpan[] };
  readonly redactText: (text: string) => string;
  /** Characters of the longest form of a known value. */
  readonly longestKnown: number;
}

type Mode = 'text' | 'private-key' | 'dropping-line';

interface Step {
  readonly given: string;
  readonly rest: string;
  /** True when nothing more can be done before the next chunk. */
  readonly waits: boolean;
}

/** What is kept of a line that is cut, so that no secret of usual length begins before the cut and ends after it. */
const OVERLAP = 4_096;

export function createRedactionStream(parts: RedactionStreamParts): RedactionStream {
  const overlap = Math.max(OVERLAP, parts.longestKnown * 2);
  const holdBack = overlap * 4;
  let pieces: string[] = [];
  let held = 0;
  let mode: Mode = 'text';

  function drain(): string {
    let result = '';
    let text = pieces.join('');
    for (let waits = false; !waits && text !== '';) {
      const step = mode === 'text' ? inText(text) : mode === 'private-key' ? inKey(text) : inDropped(text);
      result += step.given;
      text = step.rest;
      waits = step.waits;
    }
    pieces = [text];
    held = text.length;
    return result;
  }

  function inText(text: string): Step {
    const lines = Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r')) + 1;
    const block = openBlock(text.slice(0, lines));
    const safe = block?.lineStart ?? lines;
    const given = safe === 0 ? '' : parts.redactText(text.slice(0, safe));
    const rest = text.slice(safe);
    if (rest.length <= holdBack) return { given, rest, waits: true };
    if (block === null) return cutLine(given, rest);
    if (block.isPrivate) mode = 'private-key';
    return {
      given: given + parts.redactText(text.slice(safe, lines)),
      rest: text.slice(lines),
      waits: false,
    };
  }

  function cutLine(given: string, line: string): Step {
    let cut = line.length - overlap;
    for (const span of parts.scan(line).spans.toReversed()) {
      if (span.from >= cut || span.end <= cut) continue;
      if (span.end === line.length) {
        mode = 'dropping-line';
        return { given: given + parts.redactText(line), rest: '', waits: true };
      }
      cut = span.from > 0 ? span.from : span.end;
    }
    return { given: given + parts.redactText(line.slice(0, cut)), rest: line.slice(cut), waits: true };
  }

  /** The mark was given with the beginning; the rest of the key goes nowhere. */
  function inKey(text: string): Step {
    const dashes = text.indexOf('-----');
    if (dashes < 0) return { given: '', rest: text.slice(-4), waits: true };
    const line = lineEnd(text, dashes);
    if (line === text.length && text.length < dashes + 80) {
      return { given: '', rest: text.slice(dashes), waits: true };
    }
    mode = 'text';
    return { given: '', rest: text.slice(endOfBlock(text, dashes)), waits: false };
  }

  function inDropped(text: string): Step {
    const end = lineEnd(text, 0);
    if (end === text.length) return { given: '', rest: '', waits: true };
    mode = 'text';
    return { given: '', rest: text.slice(end), waits: false };
  }

  return {
    push: (chunk) => {
      if (chunk === '') return '';
      pieces.push(chunk);
      held += chunk.length;
      return mode !== 'text' || held > holdBack || /[\r\n]/.test(chunk) ? drain() : '';
    },
    end: () => {
      let result = '';
      if (mode !== 'text') result = drain();
      if (mode === 'text') result += parts.redactText(pieces.join(''));
      pieces = [];
      held = 0;
      mode = 'text';
      return result;
    },
  };
}

/** The first PEM block in whole lines that doesn't end in them. */
function openBlock(lines: string): { readonly lineStart: number; readonly isPrivate: boolean } | null {
  let from = 0;
  for (;;) {
    const begin = lines.indexOf('-----BEGIN ', from);
    if (begin < 0) return null;
    const body = endOfLabel(lines, begin);
    const dashes = body < 0 ? -1 : lines.indexOf('-----', body);
    if (body >= 0 && dashes < 0) {
      const lineStart = Math.max(lines.lastIndexOf('\n', begin), lines.lastIndexOf('\r', begin)) + 1;
      return { lineStart, isPrivate: lines.slice(begin, body).includes('PRIVATE KEY') };
    }
    from = body < 0 ? begin + 11 : dashes;
  }
}

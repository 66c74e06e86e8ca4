import { isSecretName } from '@carapulse/kernel';

const NAMED =
  /^(\s*(?:- +)*)(?:"(?:name|key)"|'(?:name|key)'|name|key)[ \t]*:[ \t]+(["']?)([\w.-]+)\2[ \t]*(?:#.*)?$/;
const FLOW = /\{[^{}\n]*\}/g;
const FLOW_NAME = /[{,\s]["']?(?:name|key)["']?[ \t]*:[ \t]*["']?([\w.-]+)/;
const FLOW_VALUE = /([{,\s]["']?value["']?[ \t]*:[ \t]*)("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^,}\n]*)/;

/**
 * A document with what stands beside a secret's name hidden (`- name: DB_PASSWORD`, `value: …`), as it is in JSON;
 * `other` is the same document on the other side of a comparison, so that the mark can tell whether a value differs.
 */
export function withNamedSecretsMasked(text: string, other?: string): string {
  const theirs = other === undefined ? null : hide(other, () => '').hidden;
  return hide(text, (value, index) =>
    theirs === null || theirs[index] === value ? '[masked]' : '[masked: differs]',
  ).text;
}

interface Hidden {
  readonly text: string;
  readonly hidden: readonly string[];
}

function hide(text: string, markOf: (value: string, index: number) => string): Hidden {
  const hidden: string[] = [];
  const mark = (value: string): string => {
    hidden.push(value.trim());
    return markOf(value.trim(), hidden.length - 1);
  };
  const lines = text.split('\n');
  const secret = secretValueLines(lines);
  const shown: string[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    if (!secret.has(at)) {
      shown.push(line.replaceAll(FLOW, (flow) => maskedFlow(flow, mark)));
      continue;
    }
    const head = /^[^:]*:/.exec(line)?.[0] ?? '';
    let end = at + 1;
    while (end < lines.length && isDeeper(lines[end] ?? '', columnOf(line))) end += 1;
    shown.push(`${head} ${mark([line.slice(head.length), ...lines.slice(at + 1, end)].join('\n'))}`);
    at = end - 1;
  }
  return { text: shown.join('\n'), hidden };
}

/** The lines with `value:` of the mappings that a secret's name stands in, before it or after it. */
function secretValueLines(lines: readonly string[]): ReadonlySet<number> {
  const found = new Set<number>();
  for (const [at, line] of lines.entries()) {
    const name = NAMED.exec(line)?.[3];
    if (name === undefined || !isSecretName(name)) continue;
    const column = columnOf(line);
    for (const step of [-1, 1]) {
      // An item's first line has the dash; the mapping ends before the next one.
      for (let next = at; next >= 0 && next < lines.length; next += step) {
        const current = lines[next] ?? '';
        if (next !== at && step === 1 && startsItem(current, column)) break;
        if (next !== at && current.trim() !== '' && columnOf(current) < column) break;
        if (columnOf(current) === column && isValue(current)) found.add(next);
        if (step === -1 && startsItem(current, column)) break;
      }
    }
  }
  return found;
}

function maskedFlow(flow: string, mark: (value: string) => string): string {
  const name = FLOW_NAME.exec(flow)?.[1];
  if (name === undefined || !isSecretName(name)) return flow;
  return flow.replace(FLOW_VALUE, (_, head: string, value: string) => `${head}${mark(value)}`);
}

function isValue(line: string): boolean {
  return /^\s*(?:- +)*(?:"value"|'value'|value)[ \t]*:(?:\s|$)/.test(line);
}

function startsItem(line: string, column: number): boolean {
  return columnOf(line) === column && /^\s*-/.test(line);
}

/** Where the text of a line begins, after the dashes of a list. */
function columnOf(line: string): number {
  return /^\s*(?:- +)*/.exec(line)?.[0].length ?? 0;
}

function isDeeper(line: string, column: number): boolean {
  return line.trim() === '' || (/^\s*/.exec(line)?.[0].length ?? 0) > column;
}

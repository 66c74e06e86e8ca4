import { withNamedSecretsMasked } from './masked-env.ts';

/*
 * Manifests are YAML as charts write it. No YAML reader takes part: lines tell what a document is, and a document of
 * which they don't tell it for certain is taken for one that holds secrets.
 */

/** One object of a manifest. */
export interface ManifestObject {
  readonly apiVersion: string;
  readonly kind: string;
  /** As the document says it; empty where the release's own is meant, or where the kind has none. */
  readonly namespace: string;
  readonly name: string;
}

export interface ManifestDocument {
  /** Null: it isn't certain what this is. */
  readonly object: ManifestObject | null;
  readonly text: string;
}

const SCALAR = `("[^"\\\\]*"|'[^']*'|[^\\s"'#&*!|>{}\\[\\]%@\`][^\\s#]*)`;
const ENTRY = (key: string): RegExp => new RegExp(`^(?:"${key}"|'${key}'|${key})[ \\t]*:(.*)$`);
const VALUE = new RegExp(`^[ \\t]+${SCALAR}[ \\t]*(?:[ \\t]#.*)?$`);

const EDGE = /^(?:"[\w./-]+"|'[\w./-]+'|[\w./-]+)[ \t]*:(?:\s|$)|^-(?:\s|$)/;

/** YAML ends a line here too, and we don't: what follows could be a key that nobody sees. */
const OTHER_BREAK = /[\r\u0085\u2028\u2029]/;

const CLOSED = /^(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|\{[^{}"']*\}|\[[^[\]"']*\])[ \t]*(?:#.*)?$/;

/** Documents in their order, without those that are empty or comments alone. */
export function documentsOf(manifest: string): readonly ManifestDocument[] {
  return manifest
    .replaceAll('\r\n', '\n')
    .split(/^---/m)
    .map((text) => text.replace(/^[ \t]*\n/, '').trimEnd())
    .map((text) =>
      OTHER_BREAK.test(text) ? { text, object: null } : documentOf(text.replaceAll(/^# Source: .*\n?/gm, '')),
    )
    .filter(({ text }) => OTHER_BREAK.test(text) || text.split('\n').some(isContent));
}

function documentOf(text: string): ManifestDocument {
  return { text, object: objectOf(text) };
}

function isContent(line: string): boolean {
  return line.trim() !== '' && !line.trimStart().startsWith('#');
}

/** True for a document whose values must not be shown. */
export function holdsSecrets({ object }: ManifestDocument): boolean {
  return object === null || object.kind === 'Secret';
}

/**
 * The document with the values of a Secret replaced by a mark; `other` is the same object on the other side of a
 * comparison, so that the mark can tell whether a value differs.
 */
export function maskedText(document: ManifestDocument, other?: ManifestDocument): string {
  if (!holdsSecrets(document)) return withNamedSecretsMasked(document.text, other?.text);
  const differs = (mine: string, theirs: string | undefined): string =>
    other === undefined || mine === theirs ? '[masked]' : '[masked: differs]';
  if (document.object === null) return differs(document.text, other?.text);
  const { apiVersion, kind, name } = document.object;
  if (hasOpenValue(document.text)) {
    const head = `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata:\n  name: ${name}`;
    return `${head}\n${differs(document.text, other?.text)}`;
  }
  const mine = secretEntries(document.text);
  const theirs = new Map(
    other?.object?.kind === 'Secret'
      ? secretEntries(other.text).map(({ path, text }) => [path, text] as const)
      : [],
  );
  return mine
    .map(({ path, shown, text }) => (shown === null ? text : `${shown} ${differs(text, theirs.get(path))}`))
    .join('\n');
}

/** A quoted text or a flow collection may go on at any depth, where its lines would be taken for keys. */
function hasOpenValue(text: string): boolean {
  return text.split('\n').some((line) => {
    const value = /^\s*(?:- )*[^\s:]+:[ \t]+(["'{[].*)$/.exec(line)?.[1];
    return value !== undefined && !CLOSED.test(value);
  });
}

interface SecretEntry {
  readonly path: string;
  /** Null: the text can be shown. Else what is shown in front of the mark. */
  readonly shown: string | null;
  /** All lines of the entry. */
  readonly text: string;
}

/** Top-level entries; `metadata`'s lines are shown but for annotations, those of the rest are one mark a key. */
function secretEntries(text: string): readonly SecretEntry[] {
  return blocksOf(text.split('\n'), 0).flatMap(({ key, lines }): SecretEntry[] => {
    const [head = ''] = lines;
    const whole = lines.join('\n');
    if (['apiVersion', 'kind', 'type', 'immutable'].includes(key) && lines.length === 1) {
      return [{ path: key, shown: null, text: whole }];
    }
    const inner = lines.slice(1).filter(isContent);
    const depth = indentOf(inner[0] ?? '');
    // A value on the key's own line, or lines that are no entries.
    if (!/:[ \t]*$/.test(head) || depth === 0) return [{ path: key, shown: `${key}:`, text: whole }];
    const nested = blocksOf(inner, depth).map((block): SecretEntry => {
      const path = `${key}/${block.key}`;
      const content = block.lines.join('\n');
      const plain = key === 'metadata' && ['name', 'namespace', 'labels'].includes(block.key);
      return plain
        ? { path, shown: null, text: content }
        : { path, shown: `${' '.repeat(depth)}${block.key}:`, text: content };
    });
    return [{ path: key, shown: null, text: `${key}:` }, ...nested];
  });
}

interface Block {
  readonly key: string;
  readonly lines: readonly string[];
}

/** Lines by the keys at one depth. What stands before a key belongs to no key, and its text is never shown. */
function blocksOf(lines: readonly string[], depth: number): readonly Block[] {
  const blocks: { key: string; lines: string[] }[] = [];
  for (const line of lines) {
    const found =
      indentOf(line) === depth
        ? /^\s*(?:"([\w./-]+)"|'([\w./-]+)'|([\w./-]+))[ \t]*:(?=\s|$)/.exec(line)
        : null;
    const key = found?.[1] ?? found?.[2] ?? found?.[3];
    const last = blocks.at(-1);
    if (key !== undefined) blocks.push({ key, lines: [line] });
    else if (last !== undefined) last.lines.push(line);
    else if (isContent(line)) blocks.push({ key: '?', lines: [line] });
  }
  return blocks;
}

function objectOf(text: string): ManifestObject | null {
  const lines = text.split('\n');
  // Where the first entry stands, all stand; what is at the edge below it would be lines of a text.
  if (/^\s/.test(lines.find(isContent) ?? '')) return null;
  const apiVersion = only(lines, 'apiVersion');
  const kind = only(lines, 'kind');
  // A list holds objects, which may be Secrets.
  if (apiVersion === null || kind === null || !/^[A-Z][A-Za-z0-9]*$/.test(kind) || kind.endsWith('List'))
    return null;
  const heads = lines.filter((line) => ENTRY('metadata').test(line));
  const [head = ''] = heads;
  const at = lines.indexOf(head);
  if (heads.length !== 1 || !/:[ \t]*(#.*)?$/.test(head)) return null;
  // At the left edge are entries, comments, and lists below their key (`rules:`); anything else could be anything.
  if (lines.some((line) => /^[^\s#]/.test(line) && !EDGE.test(line))) return null;
  const rest = lines.slice(at + 1);
  const end = rest.findIndex((line) => /^[^\s#]/.test(line));
  const inner = (end === -1 ? rest : rest.slice(0, end)).filter(isContent);
  const depth = indentOf(inner[0] ?? '');
  if (depth === 0 || inner.some((line) => indentOf(line) < depth)) return null;
  const own = inner.filter((line) => indentOf(line) === depth).map((line) => line.slice(depth));
  // A merge, an alias or a key with escapes could say another name or namespace.
  if (own.some((line) => !EDGE.test(line))) return null;
  const name = only(own, 'name');
  const namespaced = own.some((line) => ENTRY('namespace').test(line));
  const namespace = namespaced ? only(own, 'namespace') : '';
  if (name === null || namespace === null) return null;
  return { apiVersion, kind, namespace, name };
}

/** The one plain or quoted value of a key that stands there once; null for anything else. */
function only(lines: readonly string[], key: string): string | null {
  const found = lines.flatMap((line) => {
    const rest = ENTRY(key).exec(line)?.[1];
    return rest === undefined ? [] : [rest];
  });
  const value = found.length === 1 ? VALUE.exec(found[0] ?? '')?.[1] : undefined;
  if (value === undefined) return null;
  return /^["']/.test(value) ? value.slice(1, -1) : value;
}

function indentOf(line: string): number {
  return /^ */.exec(line)?.[0].length ?? 0;
}

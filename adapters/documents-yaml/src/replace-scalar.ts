import { AppError, canonicalJson } from '@carapulse/kernel';
import type {
  DocumentEditor,
  DocumentScalar,
  EditedDocument,
  EditRefusal,
  JsonValue,
  ScalarEdit,
} from '@carapulse/kernel';
import { isAlias, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import type { Document, Node, Scalar } from 'yaml';
import { parseYamlDocument } from './yaml-document.ts';

/** The DocumentEditor for YAML, and for JSON, which is YAML. */
export const yamlDocumentEditor: DocumentEditor = { replaceScalar };

interface Found {
  readonly scalar: Scalar;
  readonly before: DocumentScalar | null;
  /** The document with the value in place. */
  readonly wanted: JsonValue;
}

function replaceScalar(text: string, edit: ScalarEdit): EditedDocument {
  const before = read(text, edit);
  if ('reason' in before) return before;
  const found = find(text, before.value, edit);
  if ('reason' in found) return found;
  const { scalar, wanted } = found;
  const [start, end] = scalar.range ?? [0, 0];
  // The first that means just what is wanted; the way it was written comes first.
  for (const written of spellings(scalar, edit)) {
    const edited = `${text.slice(0, start)}${written}${text.slice(end)}`;
    const after = read(edited, edit);
    if ('value' in after && canonicalJson(after.value) === canonicalJson(wanted))
      return { kind: 'edited', text: edited, before: found.before };
  }
  return refused('not_exact', `${edit.pointer} can't be replaced without a change of something else.`);
}

function read(text: string, { fileName }: ScalarEdit): { readonly value: JsonValue } | Refused {
  try {
    if (fileName.endsWith('.json')) JSON.parse(text);
    return { value: parseYamlDocument(text, fileName).value };
  } catch (error) {
    if (error instanceof AppError || error instanceof SyntaxError)
      return refused('unreadable', error.message.slice(0, 500));
    throw error;
  }
}

function find(text: string, value: JsonValue, { pointer, value: to }: ScalarEdit): Found | Refused {
  const document = parseDocument(text, { version: '1.2', schema: 'core', merge: false, logLevel: 'silent' });
  const path = pointer.split('/').slice(1).map(unescaped);
  const node = nodeAt(document, path);
  if (node === 'shared')
    return refused('shared_value', `${pointer} is an anchor or an alias (\`&…\`, \`*…\`).`);
  if (node === null || path.length === 0)
    return refused('pointer_missing', `There is nothing at ${pointer}.`);
  const before = valueAt(value, path);
  if (!isScalar(node) || (typeof before === 'object' && before !== null))
    return refused('not_a_scalar', `At ${pointer} there is no text, number or truth value.`);
  if (before === to) return refused('same_value', `${pointer} is ${JSON.stringify(to)} already.`);
  const wanted = withValue(value, path, to);
  return { scalar: node, before: before as DocumentScalar | null, wanted };
}

/** Never through an alias, nor to what one may stand for: others would change with it. */
function nodeAt(document: Document.Parsed, path: readonly string[]): Node | 'shared' | null {
  let node: unknown = document.contents;
  for (const name of path) {
    if (isAlias(node) || hasAnchor(node)) return 'shared';
    if (isMap(node)) node = node.items.find(({ key }) => isScalar(key) && key.value === name)?.value ?? null;
    else if (isSeq(node)) node = /^(0|[1-9]\d{0,8})$/.test(name) ? (node.items[Number(name)] ?? null) : null;
    else return null;
  }
  if (isAlias(node) || hasAnchor(node)) return 'shared';
  return (node ?? null) as Node | null;
}

function hasAnchor(node: unknown): boolean {
  return (isMap(node) || isSeq(node) || isScalar(node)) && node.anchor !== undefined;
}

function spellings({ type }: Scalar, { value, fileName }: ScalarEdit): readonly string[] {
  const quoted = JSON.stringify(value);
  if (fileName.endsWith('.json') || typeof value !== 'string') return [quoted];
  const single = `'${value.replaceAll("'", "''")}'`;
  if (type === 'QUOTE_DOUBLE') return [quoted];
  return type === 'QUOTE_SINGLE' ? [single, quoted] : [value, single, quoted];
}

function valueAt(value: JsonValue, path: readonly string[]): JsonValue | undefined {
  let current: unknown = value;
  for (const name of path)
    current = typeof current === 'object' && current !== null ? Reflect.get(current, name) : undefined;
  return current as JsonValue | undefined;
}

function withValue(value: JsonValue, [name, ...rest]: readonly string[], to: DocumentScalar): JsonValue {
  if (name === undefined) return to;
  if (Array.isArray(value))
    return value.map((item: JsonValue, index) => (String(index) === name ? withValue(item, rest, to) : item));
  const entries = Object.entries(value as Readonly<Record<string, JsonValue>>);
  return Object.fromEntries(
    entries.map(([key, item]) => [key, key === name ? withValue(item, rest, to) : item]),
  );
}

function unescaped(name: string): string {
  return name.replaceAll('~1', '/').replaceAll('~0', '~');
}

type Refused = Extract<EditedDocument, { kind: 'refused' }>;

function refused(reason: EditRefusal, detail: string): Refused {
  return { kind: 'refused', reason, detail };
}

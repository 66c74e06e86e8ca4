import { AppError } from '@carapulse/kernel';
import type { DocumentPosition, InputFault, JsonValue, ParsedDocument } from '@carapulse/kernel';
import {
  isAlias,
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  visit,
} from 'yaml';
import type { Document, Node, YAMLError } from 'yaml';

/** Bytes of UTF-8; a playbook has some thousands. */
const MAX_BYTES = 1_048_576;
const MAX_ALIASES = 50;
const MAX_DEPTH = 64;
const TOO_DEEP = `the document is nested more than ${MAX_DEPTH} deep`;

/** One fault with its place. */
export interface DocumentFault extends InputFault {
  readonly at: DocumentPosition;
}

/**
 * Parses one YAML 1.2 document (core schema: strings, numbers, booleans, null) into JSON.
 * @throws AppError `invalid_input` naming every fault as `file:line:column: what is wrong`: syntax, a key twice, tags,
 * keys that aren't strings, several documents, more than 1 MiB, 50 aliases or 64 levels, numbers without JSON form.
 */
export function parseYamlDocument(text: string, fileName: string): ParsedDocument<JsonValue> {
  const start = { line: 1, column: 1 };
  const whole = (detail: string): AppError => documentError(fileName, [{ pointer: '', detail, at: start }]);
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_BYTES) throw whole(`the document has ${bytes} bytes; at most ${MAX_BYTES} are read`);
  tooDeep(text, whole);
  const lines = new LineCounter();
  const place = (offset: number): DocumentPosition => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const [document, second] = parseAll(text, lines, whole);
  if (document === undefined) throw whole('the document is empty');
  const faults = [...document.errors, ...document.warnings].map((error) => syntaxFault(error, place));
  if (second !== undefined) {
    faults.push({
      pointer: '',
      detail: 'a second document begins here; a file holds one',
      at: place(second.range[0]),
    });
  }
  if (faults.length === 0) faults.push(...contentFaults(document, place));
  if (faults.length > 0) throw documentError(fileName, faults);
  return {
    value: toJson(document, whole),
    locate: (pointer, part = 'value') => locate(document, pointer, part, place),
  };
}

function parseAll(
  text: string,
  lineCounter: LineCounter,
  whole: (detail: string) => AppError,
): readonly Document.Parsed[] {
  try {
    const documents = parseAllDocuments(text, {
      lineCounter,
      strict: true,
      uniqueKeys: true,
      version: '1.2',
      schema: 'core',
      merge: false,
      resolveKnownTags: false,
      prettyErrors: false,
      logLevel: 'silent',
    });
    return Array.isArray(documents) ? (documents as readonly Document.Parsed[]) : [];
  } catch (cause) {
    // The parser recurses; it reports most overflows as a syntax error, the rest comes here.
    if (cause instanceof RangeError) throw whole(TOO_DEEP);
    throw whole(cause instanceof Error ? cause.message : String(cause));
  }
}

/** All faults in one AppError `invalid_input`, in the order of their places. */
export function documentError(fileName: string, faults: readonly DocumentFault[]): AppError {
  const sorted = faults.toSorted((a, b) => a.at.line - b.at.line || a.at.column - b.at.column);
  const lines = sorted.map(({ at, detail }) => `${fileName}:${at.line}:${at.column}: ${detail}`);
  return new AppError('invalid_input', lines.join('\n'), {
    errors: sorted.map(({ pointer, detail, at }) => ({
      pointer,
      detail: `${fileName}:${at.line}:${at.column}: ${detail}`,
    })),
  });
}

/** The parser recurses; flow brackets are the only cheap way to great depth, block nesting costs its own indentation. */
function tooDeep(text: string, whole: (detail: string) => AppError): void {
  let depth = 0;
  for (let index = 0; index < text.length; index += 1) {
    const char = text[index];
    if (char === '[' || char === '{') depth += 1;
    else if (char === ']' || char === '}') depth = Math.max(0, depth - 1);
    else if (char === '\n' && !/^[ \t[{]/.test(text.slice(index + 1, index + 2))) depth = 0;
    if (depth > MAX_DEPTH * 8) throw whole(TOO_DEEP);
  }
}

function syntaxFault(error: YAMLError, place: (offset: number) => DocumentPosition): DocumentFault {
  const detail =
    error.code === 'DUPLICATE_KEY'
      ? 'this key stands twice in the same mapping'
      : error.code === 'TAG_RESOLVE_FAILED'
        ? 'tags (`!…`) are not read here'
        : error.message.startsWith('Maximum call stack')
          ? TOO_DEEP
          : error.message.replace(/\s+/g, ' ');
  return { pointer: '', detail, at: place(error.pos[0]) };
}

function contentFaults(
  document: Document.Parsed,
  place: (offset: number) => DocumentPosition,
): DocumentFault[] {
  const faults: DocumentFault[] = [];
  let aliases = 0;
  const add = (node: unknown, detail: string): void => {
    const range = isNode(node) ? node.range : null;
    faults.push({ pointer: '', detail, at: place(range?.[0] ?? 0) });
  };
  visit(document, {
    Node: (_, node, path) => {
      if (!isAlias(node) && node.tag !== undefined) add(node, 'tags (`!…`) are not read here');
      if (path.filter(isCollection).length > MAX_DEPTH) {
        add(node, TOO_DEEP);
        return visit.BREAK;
      }
      return undefined;
    },
    Alias: (_, node, path) => {
      if (path.some((around) => isCollection(around) && around.anchor === node.source)) {
        add(node, `the alias *${node.source} stands inside what it names`);
      } else if (node.resolve(document) === undefined) {
        add(node, `the alias *${node.source} names nothing before it`);
      }
      aliases += 1;
      if (aliases === MAX_ALIASES + 1) add(node, `more than ${MAX_ALIASES} aliases (\`*…\`) are not read`);
    },
    Pair: (_, pair) => {
      if (!isScalar(pair.key) || typeof pair.key.value !== 'string') {
        add(pair.key, 'keys are strings; put quotes around this one');
      }
    },
    Scalar: (_, node) => {
      const { value } = node;
      if (typeof value === 'bigint' || (typeof value === 'number' && !isJsonNumber(value))) {
        add(node, 'this number has no exact JSON form; put quotes around it if it is text');
      }
    },
  });
  return faults;
}

function isJsonNumber(value: number): boolean {
  return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
}

function toJson(document: Document.Parsed, whole: (detail: string) => AppError): JsonValue {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES }) as JsonValue;
  } catch (cause) {
    throw whole(
      `aliases unfold to too much or to themselves (${cause instanceof Error ? cause.message : 'unknown'})`,
    );
  }
}

function locate(
  document: Document.Parsed,
  pointer: string,
  part: 'key' | 'value',
  place: (offset: number) => DocumentPosition,
): DocumentPosition {
  const names = pointer.split('/').slice(1);
  let node: unknown = document.contents;
  let found: Node | null = isNode(node) ? node : null;
  let key: Node | null = found;
  for (const raw of names) {
    const name = raw.replaceAll('~1', '/').replaceAll('~0', '~');
    if (isAlias(node)) node = node.resolve(document);
    let next: unknown = null;
    if (isMap(node)) {
      const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === name);
      if (pair === undefined) break;
      key = isNode(pair.key) ? pair.key : key;
      next = pair.value;
    } else if (isSeq(node)) {
      next = node.items[Number(name)];
      if (next === undefined) break;
      key = isNode(next) ? next : key;
    } else break;
    node = next;
    found = isNode(next) && next.range !== null && next.range !== undefined ? next : key;
  }
  const target = part === 'key' ? key : found;
  return place(target?.range?.[0] ?? 0);
}

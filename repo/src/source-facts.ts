import { parseAst } from 'rolldown/parseAst';
import type { Repository } from './repository.ts';

export interface ImportFact {
  readonly specifier: string;
  /** Names taken from it; empty for a namespace, a side effect, a dynamic or a type import. */
  readonly names: readonly string[];
}

/** What the checks want to know of a source file, read from its syntax tree, never from its text. */
export interface SourceFacts {
  readonly imports: readonly ImportFact[];
  /** Every `a.b` whose both parts are plain names, as written: `Date.now`. */
  readonly members: ReadonlySet<string>;
  /** Names called with `new` without arguments. */
  readonly bareNews: ReadonlySet<string>;
  /** Literal options, as `shell: true`. */
  readonly options: ReadonlySet<string>;
  /** `new URL(…, import.meta.url).pathname`: wrong in a folder with a space, where it holds `%20`. */
  readonly escapedPath: boolean;
  /** For each `name: … verb(first, …)` property, the plain first arguments of calls of `invoke` below it. */
  readonly invokes: ReadonlyMap<string, readonly string[]>;
}

interface Node {
  readonly type: string;
  readonly [key: string]: unknown;
}

const cache = new Map<string, SourceFacts>();

/** @throws if the file does not parse as TypeScript. */
export function factsOf(repository: Repository, path: string): SourceFacts {
  const text = repository.read(path);
  const known = cache.get(text);
  if (known !== undefined) return known;
  const facts = factsOfText(text);
  cache.set(text, facts);
  return facts;
}

export function factsOfText(text: string): SourceFacts {
  const imports: ImportFact[] = [];
  const members = new Set<string>();
  const bareNews = new Set<string>();
  const options = new Set<string>();
  const invokes = new Map<string, string[]>();
  let escapedPath = false;
  visit(parseAst(text, { lang: 'ts' }), [], (node, properties) => {
    const specifier = literalOf(node['source']);
    if (specifier !== null) imports.push({ specifier, names: importedNames(node) });
    switch (node.type) {
      case 'MemberExpression': {
        const [object, property] = [nameOf(node['object']), nameOf(node['property'])];
        escapedPath ||= property === 'pathname' && isModuleUrl(node['object']);
        if (object !== null && property !== null) members.add(`${object}.${property}`);
        break;
      }
      case 'NewExpression': {
        const callee = nameOf(node['callee']);
        if (callee !== null && (node['arguments'] as readonly unknown[]).length === 0) bareNews.add(callee);
        break;
      }
      case 'Property': {
        const [key, value] = [nameOf(node['key']), node['value'] as Node];
        if (key !== null && value.type === 'Literal') options.add(`${key}: ${String(value['value'])}`);
        break;
      }
      case 'CallExpression': {
        const first = nameOf((node['arguments'] as readonly unknown[])[0]);
        if (nameOf(node['callee']) !== 'invoke' || first === null) break;
        const property = properties[0] ?? '';
        invokes.set(property, [...(invokes.get(property) ?? []), first]);
        break;
      }
      default:
    }
  });
  return { imports, members, bareNews, options, escapedPath, invokes };
}

function visit(
  node: unknown,
  properties: readonly string[],
  see: (node: Node, properties: readonly string[]) => void,
): void {
  if (Array.isArray(node)) {
    for (const each of node) visit(each, properties, see);
    return;
  }
  if (!isNode(node)) return;
  see(node, properties);
  const key = node.type === 'Property' ? nameOf(node['key']) : null;
  const below = key === null ? properties : [...properties, key];
  for (const value of Object.values(node)) visit(value, below, see);
}

function isModuleUrl(value: unknown): boolean {
  if (!isNode(value) || value.type !== 'NewExpression' || nameOf(value['callee']) !== 'URL') return false;
  const base = (value['arguments'] as readonly unknown[])[1];
  return isNode(base) && isNode(base['object']) && base['object'].type === 'MetaProperty';
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Partial<Node>).type === 'string';
}

function nameOf(value: unknown): string | null {
  return isNode(value) && value.type === 'Identifier' ? String(value['name']) : null;
}

function literalOf(value: unknown): string | null {
  return isNode(value) && value.type === 'Literal' && typeof value['value'] === 'string'
    ? value['value']
    : null;
}

function importedNames(node: Node): readonly string[] {
  if (node.type !== 'ImportDeclaration') return [];
  return (node['specifiers'] as readonly Node[]).flatMap((each) => nameOf(each['imported']) ?? []);
}

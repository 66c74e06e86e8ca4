import { jsonPointer } from '@carapulse/kernel';
import type { DocumentParser, ParsedDocument } from '@carapulse/kernel';
import type { z } from 'zod';
import { knownKeysAt } from './known-keys.ts';
import { closestWord } from './suggestion.ts';
import { documentError, parseYamlDocument } from './yaml-document.ts';
import type { DocumentFault } from './yaml-document.ts';

/**
 * Parses a YAML document and checks it with a schema.
 * @throws AppError `invalid_input` listing every fault, in the order of the text, as
 * `file:line:column: what is wrong; did you mean "x"?`
 */
export function parseYamlAs<T>(schema: z.ZodType<T>, text: string, fileName: string): ParsedDocument<T> {
  const document = parseYamlDocument(text, fileName);
  const parsed = schema.safeParse(document.value);
  if (parsed.success) return { value: parsed.data, locate: document.locate };
  const faults = parsed.error.issues.flatMap((issue) => describe(issue, [], schema, document));
  throw documentError(fileName, faults);
}

/** The DocumentParser for YAML. */
export const yamlDocumentParser: DocumentParser = { parse: parseYamlDocument, parseAs: parseYamlAs };

type Issue = z.core.$ZodIssue;

function describe(
  issue: Issue,
  base: readonly PropertyKey[],
  schema: z.ZodType,
  document: ParsedDocument<unknown>,
): DocumentFault[] {
  const path = [...base, ...issue.path];
  const pointer = jsonPointer(path);
  const at = document.locate(pointer);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => {
        const inner = jsonPointer([...path, key]);
        const known = knownKeysAt(schema, path, document.value);
        const detail = `unknown key "${key}"${suggest(key, known)}`;
        return { pointer: inner, detail, at: document.locate(inner, 'key') };
      });
    case 'invalid_value': {
      const values = issue.values.map(String);
      const given = valueAt(document.value, path);
      if (given === undefined) return [{ pointer, detail: missing(path), at }];
      const hint = typeof given === 'string' ? suggest(given, values) : '';
      const detail = `${quote(path)} is ${JSON.stringify(given)}; it has to be ${values.map((v) => `"${v}"`).join(' or ')}${hint}`;
      return [{ pointer, detail, at }];
    }
    case 'invalid_union': {
      const nearest = nearestBranch(issue.errors);
      if (nearest !== null) return nearest.flatMap((inner) => describe(inner, path, schema, document));
      return [{ pointer, detail: `${quote(path)}: ${issue.message}`, at }];
    }
    default:
      if (issue.code === 'invalid_type' && valueAt(document.value, path) === undefined && path.length > 0) {
        return [{ pointer, detail: missing(path), at }];
      }
      return [
        { pointer, detail: path.length === 0 ? issue.message : `${quote(path)}: ${issue.message}`, at },
      ];
  }
}

/** The branch of a union that came furthest: of the value's own type if one is, then with the fewest faults. */
function nearestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | null {
  const otherType = (issues: readonly Issue[]): number =>
    Number(issues.some((issue) => issue.code === 'invalid_type' && issue.path.length === 0));
  const [nearest] = branches
    .filter((issues) => issues.length > 0)
    .toSorted((a, b) => otherType(a) - otherType(b) || a.length - b.length);
  return nearest ?? null;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let current = value;
  for (const part of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, part)) return undefined;
    current = (current as Record<PropertyKey, unknown>)[part];
  }
  return current;
}

function suggest(word: string, known: readonly string[]): string {
  const closest = closestWord(word, known);
  if (closest !== null) return `; did you mean "${closest}"?`;
  return known.length > 0 && known.length <= 12 ? `; known here: ${known.join(', ')}` : '';
}

function missing(path: readonly PropertyKey[]): string {
  return `"${String(path.at(-1))}" is missing`;
}

function quote(path: readonly PropertyKey[]): string {
  return path.length === 0 ? 'the document' : `"${path.map(String).join('.')}"`;
}

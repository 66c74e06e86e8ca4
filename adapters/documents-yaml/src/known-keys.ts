import { z } from 'zod';

type Json = Readonly<Record<string, unknown>>;

/**
 * The keys that a schema knows at a path, for suggestions. Of a union, those of the branches whose literals agree with
 * the value there.
 */
export function knownKeysAt(
  schema: z.ZodType,
  path: readonly PropertyKey[],
  value: unknown,
): readonly string[] {
  const root = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Json;
  let nodes = expand(root, root, value);
  let current = value;
  for (const part of path) {
    current = isObject(current) ? current[String(part)] : undefined;
    nodes = nodes.flatMap((node) => children(node, part)).flatMap((node) => expand(root, node, current));
  }
  return [
    ...new Set(nodes.flatMap((node) => Object.keys(isObject(node['properties']) ? node['properties'] : {}))),
  ];
}

function children(node: Json, part: PropertyKey): readonly Json[] {
  const named = isObject(node['properties']) ? node['properties'][String(part)] : undefined;
  if (isObject(named)) return [named];
  return [node['additionalProperties'], node['items']].filter(isObject);
}

/** A schema with its references and alternatives opened, those left out that the value's literals rule out. */
function expand(root: Json, node: Json, value: unknown, depth = 0): readonly Json[] {
  if (depth > 20) return [];
  const reference = node['$ref'];
  if (typeof reference === 'string') {
    const target = reference === '#' ? root : definition(root, reference);
    return target === null ? [] : expand(root, target, value, depth + 1);
  }
  const branches = [node['anyOf'], node['oneOf'], node['allOf']].flatMap((list) =>
    Array.isArray(list) ? list.filter(isObject) : [],
  );
  if (branches.length === 0) return agrees(node, value) ? [node] : [];
  return branches.flatMap((branch) => expand(root, branch, value, depth + 1));
}

function definition(root: Json, reference: string): Json | null {
  const name = reference.split('/').at(-1) ?? '';
  const all = root['$defs'];
  const found = isObject(all) ? all[name] : undefined;
  return isObject(found) ? found : null;
}

function agrees(node: Json, value: unknown): boolean {
  if (!isObject(node['properties']) || !isObject(value)) return true;
  return Object.entries(node['properties']).every(
    ([key, schema]) =>
      !isObject(schema) || !('const' in schema) || !(key in value) || value[key] === schema['const'],
  );
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null;
}

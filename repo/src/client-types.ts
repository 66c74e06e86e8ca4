/** Turns the OpenAPI document into TypeScript: one type an endpoint, and the table the client is driven by. */

type Schema = Readonly<Record<string, unknown>>;
interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters: ReadonlyArray<{ name: string; in: string; required: boolean; schema: Schema }>;
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> }>
  >;
}
export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** @returns the source of the generated module; the same document gives the same bytes. */
export function clientTypes(document: OpenApi): string {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  return [
    '// Generated from openapi.json by `npm run generate`; do not edit.',
    '',
    ...Object.entries(document.components.schemas).map(
      ([name, schema]) => `export type ${name} = ${typeOf(schema)};\n`,
    ),
    'export interface Api {',
    ...operations.map(({ operation }) => endpoint(operation)),
    '}',
    '',
    'export const OPERATIONS = {',
    ...operations.map(
      ({ path, method, operation }) =>
        `  ${operation.operationId}: { method: '${method}', path: '${path}' },`,
    ),
    '} as const satisfies Readonly<Record<keyof Api, { readonly method: string; readonly path: string }>>;',
    '',
  ].join('\n');
}

function endpoint(operation: Operation): string {
  const group = (place: string): string => {
    const members = operation.parameters.filter((each) => each.in === place);
    if (members.length === 0) return 'undefined';
    return `{ ${members.map((each) => `${JSON.stringify(each.name)}${each.required ? '' : '?'}: ${typeOf(each.schema)}`).join('; ')} }`;
  };
  const body = operation.requestBody?.content['application/json']?.schema;
  return [
    `  /** ${operation.summary} */`,
    `  ${operation.operationId}: {`,
    `    params: ${group('path')};`,
    `    query: ${group('query')};`,
    `    body: ${body === undefined ? 'undefined' : typeOf(body)};`,
    `    response: ${responseType(operation)};`,
    '  };',
  ].join('\n');
}

function responseType(operation: Operation): string {
  const success = Object.entries(operation.responses).find(([status]) => status.startsWith('2'))?.[1];
  const [media, content] = Object.entries(success?.content ?? {})[0] ?? [];
  if (content === undefined) return 'undefined';
  return media === 'application/json' ? typeOf(content.schema) : 'string';
}

/** JSON Schema (the part that zod emits) as a TypeScript type. Recursive references become `unknown`. */
function typeOf(schema: Schema): string {
  const ref = schema['$ref'];
  if (typeof ref === 'string') return typeName(ref.slice(ref.lastIndexOf('/') + 1));
  if (Array.isArray(schema['type']))
    return `(${schema['type'].map((type: unknown) => typeOf({ ...schema, type })).join(' | ')})`;
  if (schema['const'] !== undefined) return JSON.stringify(schema['const']);
  if (Array.isArray(schema['enum'])) return schema['enum'].map((value) => JSON.stringify(value)).join(' | ');
  const union = (schema['anyOf'] ?? schema['oneOf']) as readonly Schema[] | undefined;
  if (union !== undefined) return `(${[...new Set(union.map(typeOf))].join(' | ')})`;
  if (Array.isArray(schema['allOf']))
    return `(${(schema['allOf'] as readonly Schema[]).map(typeOf).join(' & ')})`;
  switch (schema['type']) {
    case 'string':
      return 'string';
    case 'integer':
    case 'number':
      return 'number';
    case 'boolean':
      return 'boolean';
    case 'null':
      return 'null';
    case 'array':
      return `Array<${typeOf((schema['items'] as Schema | undefined) ?? {})}>`;
    case 'object':
      return objectType(schema);
    default:
      return 'unknown';
  }
}

/** `__schema0` is what zod calls any JSON value; it refers to itself. */
function typeName(name: string): string {
  return name.startsWith('__') ? 'unknown' : name;
}

function objectType(schema: Schema): string {
  const properties = Object.entries((schema['properties'] ?? {}) as Readonly<Record<string, Schema>>);
  const required = new Set((schema['required'] as readonly string[] | undefined) ?? []);
  const members = properties.map(
    ([name, property]) => `${JSON.stringify(name)}${required.has(name) ? '' : '?'}: ${typeOf(property)}`,
  );
  const rest = schema['additionalProperties'];
  if (members.length === 0)
    return typeof rest === 'object' && rest !== null
      ? `Record<string, ${typeOf(rest as Schema)}>`
      : 'Record<string, unknown>';
  return `{ ${members.join('; ')} }`;
}

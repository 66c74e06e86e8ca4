import { Problem, PROBLEM_STATUS, ROUTES, SCHEMA_NAMES, type Route } from '@carapulse/contract';
import type { JsonObject } from '@carapulse/kernel';
import { z } from 'zod';

/** The OpenAPI 3.1 document of the contract. Generated, never edited. */
export function openApiDocument(version: string): JsonObject {
  const paths: Record<string, Record<string, unknown>> = {};
  const shared: Shared = {};
  for (const route of Object.values<Route>(ROUTES)) {
    const path = (paths[route.path] ??= {});
    path[route.method.toLowerCase()] = operation(route, shared);
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Carapulse', version, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }],
    paths: paths as JsonObject,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      schemas: { Problem: schemaOf(Problem, 'output'), ...shared } as JsonObject,
    },
  };
}

function operation(route: Route, shared: Shared): JsonObject {
  return {
    operationId: route.id,
    tags: [route.tag],
    summary: route.summary,
    'x-permission': route.permission,
    ...(route.permission === 'public' && { security: [] }),
    parameters: [
      ...parametersOf(route.params, 'path'),
      ...parametersOf(route.query, 'query'),
      ...headersOf(route),
    ],
    ...(route.body && {
      requestBody: {
        required: true,
        content: { 'application/json': { schema: schemaOf(route.body, 'input') } },
      },
    }),
    responses: { [route.success.status]: success(route, shared), ...problems(route) },
  };
}

function success(route: Route, shared: Shared): JsonObject {
  const media = route.media ?? 'application/json';
  const { schema } = route.success;
  return {
    description: 'Success',
    ...((schema !== null || route.media !== undefined) && {
      content: {
        [media]: {
          schema:
            schema === null || media === 'text/event-stream'
              ? { type: 'string' }
              : schemaOf(schema, 'output', shared),
        },
      },
    }),
  };
}

function problems(route: Route): JsonObject {
  const statuses = [...new Set(Object.values(PROBLEM_STATUS))].filter(
    (status) => status !== 499 && (route.permission !== 'public' || status >= 429),
  );
  return Object.fromEntries(
    statuses
      .toSorted((a, b) => a - b)
      .map((status) => [
        String(status),
        {
          description: 'Problem',
          content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      ]),
  );
}

function parametersOf(schema: z.ZodObject | undefined, place: 'path' | 'query'): readonly JsonObject[] {
  if (schema === undefined) return [];
  const json = schemaOf(schema, 'input');
  const required = new Set((json['required'] as readonly string[] | undefined) ?? []);
  return Object.entries((json['properties'] ?? {}) as JsonObject).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path' || required.has(name),
    schema: property,
  }));
}

function headersOf(route: Route): readonly JsonObject[] {
  const header = (name: string, description: string): JsonObject => ({
    name,
    in: 'header',
    required: false,
    description,
    schema: { type: 'string' },
  });
  return [
    ...(route.idempotency
      ? [header('Idempotency-Key', 'The same key and request give the same reply.')]
      : []),
    ...(route.etag && route.method === 'GET'
      ? [header('If-None-Match', 'Answer 304 when the entity tag is the same.')]
      : []),
    ...(route.etag && route.method !== 'GET'
      ? [header('If-Match', 'Refuse with 412 when the entity tag has changed.')]
      : []),
    ...(route.media === 'text/event-stream' ? [header('Last-Event-ID', 'Go on after this event.')] : []),
  ];
}

type Shared = Record<string, unknown>;

/** A schema as JSON Schema 2020-12; named shapes of answers go to `shared` and are referred to. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output', shared?: Shared): JsonObject {
  const options = { io, unrepresentable: 'any', ...(shared && { metadata: SCHEMA_NAMES }) } as const;
  const {
    $schema: _draft,
    $defs,
    id: _id,
    ...json
  } = refer(z.toJSONSchema(schema, options)) as Record<string, unknown>;
  for (const [name, value] of Object.entries(($defs ?? {}) as Shared)) {
    const { id: _name, ...rest } = value as Shared;
    if (shared !== undefined) shared[name] = rest;
  }
  return json as JsonObject;
}

/** The same document with local references pointing into `components`. */
function refer(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(refer);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) =>
      key === '$ref' && typeof part === 'string'
        ? [key, part.replace('#/$defs/', '#/components/schemas/')]
        : [key, refer(part)],
    ),
  );
}

import fc from 'fast-check';
import { ROLE_PERMISSIONS } from '@carapulse/governance';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { apiOperations, send, type Answer, type ApiOperation, type Sent } from './src/api.ts';
import type { Assistant } from './src/assistant.ts';
import { CONTENT_TYPES, NAUGHTY_BODIES, NAUGHTY_STRINGS } from './src/naughty-strings.ts';
import { valueOf } from './src/schema-values.ts';
import { PEOPLE, openWorld, type World } from './src/world.ts';

const OPERATIONS = apiOperations();
const ID = 'a'.repeat(26);
const IDS: Readonly<Record<string, string>> = {
  plan_id: `pl_${ID}`,
  execution_id: `ex_${ID}`,
  incident_id: `inc_${ID}`,
  approval_id: `ap_${ID}`,
  step_id: 'revert',
};

let world: World;
let assistant: Assistant;
const tokens = new Map<string, string>();
beforeAll(async () => {
  world = await openWorld();
  assistant = await world.start();
  for (const { name } of PEOPLE) tokens.set(name, await assistant.token(name));
});
afterAll(() => world.close());

const bearer = (name: string): Record<string, string> => ({ authorization: `Bearer ${tokens.get(name)}` });
const filled = (path: string, values: Readonly<Record<string, string>> = IDS): string =>
  path.replaceAll(/\{(\w+)\}/g, (_match, name: string) => encodeURIComponent(values[name] ?? name));
const ask = (who: string | null, operation: Pick<ApiOperation, 'method' | 'path'>, sent: Sent = {}) =>
  send(assistant.url, operation.method, filled(operation.path), {
    ...sent,
    headers: { ...(who !== null && bearer(who)), ...sent.headers },
  });

/** Whatever is refused is refused as RFC 9457 says, by a client's fault, under an id to ask with. */
function expectRefusalOrSuccess(answer: Answer, what: string): void {
  expect(answer.status, `${what}: ${answer.text.slice(0, 300)}`).toBeLessThan(500);
  if (answer.status < 400) return;
  expect(answer.headers['content-type'], what).toMatch(/^application\/problem\+json/);
  const problem = JSON.parse(answer.text) as Record<string, unknown>;
  expect(problem, what).toMatchObject({
    status: answer.status,
    code: expect.any(String),
    detail: expect.any(String),
    request_id: expect.stringMatching(/^req_/),
  });
  expect(problem['request_id']).toBe(answer.headers['x-request-id']);
}

describe('who may ask', () => {
  test.for(OPERATIONS)('$id asks for $permission, of everybody', async (operation) => {
    const body: Sent =
      operation.body === null
        ? {}
        : { body: '{"no such field":1}', headers: { 'content-type': 'application/json' } };
    const stranger = await ask(null, operation, body);
    const forged = await ask(null, operation, {
      ...body,
      headers: { ...body.headers, authorization: 'Bearer a.b.c' },
    });
    if (operation.permission === 'public') {
      expect([stranger.status, forged.status]).toEqual([200, 200]);
      return;
    }
    expect([stranger.status, forged.status]).toEqual([401, 401]);
    expect(stranger.headers['www-authenticate']).toMatch(/^Bearer/);
    expectRefusalOrSuccess(stranger, operation.id);
    for (const { name, roles } of PEOPLE) {
      const may = roles.some((role) =>
        (ROLE_PERMISSIONS[role] as readonly string[]).includes(operation.permission),
      );
      const answer = await ask(name, operation, body);
      expectRefusalOrSuccess(answer, `${name} ${operation.id}`);
      const refused = answer.status === 401 || answer.status === 403;
      expect(refused ? answer.status : 'let in', `${name} ${operation.id}`).toBe(may ? 'let in' : 403);
    }
  });

  test('only its own name is answered', async () => {
    for (const host of ['evil.example', '127.0.0.1.evil.example', 'localhost.', '[::2]:80']) {
      const answer = await send(assistant.url, 'GET', '/healthz', { headers: { host } });
      expect(answer.status, host).toBe(403);
    }
    expect((await send(assistant.url, 'GET', '/healthz', { headers: { host: 'LOCALHOST:1' } })).status).toBe(
      200,
    );
  });
});

describe('what is asked', () => {
  const json = { 'content-type': 'application/json' };

  test.for(OPERATIONS)(
    '$id refuses naughty strings, bodies and headers without falling over',
    async (operation) => {
      for (const text of NAUGHTY_STRINGS) {
        const values = Object.fromEntries(Object.keys(IDS).map((name) => [name, text.slice(0, 2000)]));
        const wellFormed = Object.fromEntries(
          Object.entries(values).map(([name, value]) => [name, value.toWellFormed()]),
        );
        const query = operation.parameters
          .filter((each) => each.in === 'query')
          .map(({ name }) => `${name}=${encodeURIComponent(text.slice(0, 2000).toWellFormed())}`)
          .join('&');
        const answer = await send(
          assistant.url,
          operation.method,
          `${filled(operation.path, wellFormed)}?${query}`,
          {
            headers: { ...bearer('ada'), ...(operation.body !== null && json) },
            ...(operation.body !== null && { body: JSON.stringify(withText(operation.body, text)) }),
          },
        );
        expectRefusalOrSuccess(answer, `${operation.id} ${JSON.stringify(text.slice(0, 60))}`);
      }
      const headers = [
        'idempotency-key',
        'if-match',
        'if-none-match',
        'last-event-id',
        'accept',
        'range',
        'expect-not',
      ];
      for (const value of [
        '',
        ' ',
        '*',
        '"',
        'W/"x"',
        '-1',
        '1e9',
        '9'.repeat(40),
        'é',
        '%00',
        'x'.repeat(4000),
      ]) {
        const odd = Object.fromEntries(headers.map((name) => [name, Buffer.from(value).toString('latin1')]));
        const answer = await ask('ada', operation, {
          headers: { ...odd, ...json },
          ...(operation.body && { body: '{}' }),
        });
        expectRefusalOrSuccess(answer, `${operation.id} headers ${value.slice(0, 20)}`);
      }
      if (operation.body === null) return;
      for (const body of NAUGHTY_BODIES)
        expectRefusalOrSuccess(
          await ask('ada', operation, { headers: json, body }),
          `${operation.id} ${body.slice(0, 60)}`,
        );
      expectRefusalOrSuccess(
        await ask('ada', operation, { headers: json, body: Buffer.from([0x7b, 0xff, 0xfe, 0x7d]) }),
        `${operation.id} bytes`,
      );
      for (const type of CONTENT_TYPES)
        expectRefusalOrSuccess(
          await ask('ada', operation, { headers: { 'content-type': type }, body: '{"reason":"x"}' }),
          `${operation.id} ${type}`,
        );
    },
  );

  test.for(OPERATIONS.filter((each) => each.body !== null || each.parameters.length > 0))(
    '$id takes whatever its schema allows',
    async (operation) => {
      const values = Object.fromEntries(
        operation.parameters
          .filter((each) => each.in === 'path')
          .map(({ name, schema }) => [name, valueOf(schema)]),
      );
      const query = Object.fromEntries(
        operation.parameters
          .filter((each) => each.in === 'query')
          .map(({ name, schema }) => [name, valueOf(schema)]),
      );
      const input = fc.record({
        params: fc.record(values),
        query: fc.record(query, { requiredKeys: [] }),
        body: operation.body === null ? fc.constant(null) : valueOf(operation.body),
      });
      await fc.assert(
        fc.asyncProperty(input, async ({ params, query: asked, body }) => {
          const search = new URLSearchParams(
            Object.entries(asked).map(([name, value]): [string, string] => [
              name,
              String(value).toWellFormed(),
            ]),
          );
          const path = filled(operation.path, params as Record<string, string>);
          const answer = await send(assistant.url, operation.method, `${path}?${search}`, {
            headers: { ...bearer('ada'), ...(body !== null && json) },
            ...(body !== null && { body: JSON.stringify(body) }),
          });
          expectRefusalOrSuccess(answer, operation.id);
        }),
        { numRuns: 15, seed: 7 },
      );
    },
  );

  test('what is not there is a problem too', async () => {
    for (const [method, path] of [
      ['GET', '/'],
      ['GET', '/v1/nothing'],
      ['DELETE', '/v1/plans'],
      ['GET', '/v1/plans/%'],
      ['GET', '/v1/plans/%ff'],
      ['GET', '//v1//plans'],
      ['GET', `/v1/${'a'.repeat(4000)}`],
      ['OPTIONS', '*'],
      ['PATCH', '/healthz'],
    ] as const)
      expectRefusalOrSuccess(
        await send(assistant.url, method, path, { headers: bearer('ada') }),
        `${method} ${path}`,
      );
  });

  test('it is ready afterwards, and nothing was logged as its own fault', async () => {
    expect((await send(assistant.url, 'GET', '/readyz')).status).toBe(200);
  });
});

function withText(schema: ApiOperation['body'], text: string): unknown {
  const properties = (schema?.['properties'] ?? {}) as Readonly<Record<string, unknown>>;
  return Object.fromEntries([...Object.keys(properties).map((name) => [name, text] as const), [text, text]]);
}

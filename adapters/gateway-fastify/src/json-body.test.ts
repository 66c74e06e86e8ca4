import Fastify from 'fastify';
import { expect, test } from 'vitest';
import { readJsonBodies } from './json-body.ts';

const app = Fastify();
readJsonBodies(app, '/alerts');
app.post('/alerts', ({ body }) => body);
app.post('/rest', ({ body }) => body);

async function post(
  url: string,
  payload: string,
): Promise<{ readonly status: number; readonly body: object }> {
  const headers = { 'content-type': 'application/json' };
  const { statusCode, body } = await app.inject({ method: 'POST', url, payload, headers });
  return { status: statusCode, body: JSON.parse(body) as object };
}

test.each([
  ['{"input":{"set":{"__proto__":{"replicas":3}}}}', '/input/set/__proto__'],
  ['{"a":[{"__proto__":"x"}]}', '/a/0/__proto__'],
  [String.raw`{"__pr\u006fto__":1}`, '/__proto__'],
  ['{"constructor":{"prototype":{"admin":true}}}', '/constructor'],
])('refuses %s where it stands, and drops nothing silently', async (payload, pointer) => {
  expect(await post('/rest', payload)).toMatchObject({
    body: { message: `The body is not valid at ${pointer}: no field may have this name` },
  });
});

test('refuses a number that is none any more where it stands', async () => {
  const { body } = await post('/rest', '{"input":{"set":{"a":[1,-1e400]}}}');
  expect(body).toMatchObject({ message: 'The body is not valid at /input/set/a/1: the number is too large' });
});

test('keeps names that only look like it, and drops the others from what holds alerts', async () => {
  const plain = { constructor: 'c', prototype: 'p', toString: 't' };
  expect(await post('/rest', JSON.stringify(plain))).toEqual({ status: 200, body: plain });
  const alerts = '{"alerts":[{"labels":{"a":"b","__proto__":{"c":"d"}}}]}';
  expect(await post('/alerts', alerts)).toEqual({ status: 200, body: { alerts: [{ labels: { a: 'b' } }] } });
});

test('refuses what is nested too deep before it looks into it', async () => {
  const { body } = await post('/rest', `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`);
  expect(body).toMatchObject({ message: 'The body is nested deeper than 64 levels.' });
});

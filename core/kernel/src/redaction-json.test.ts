import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRedactor } from './redaction.ts';

const { redactJson } = createRedactor({ knownValues: ['hunter2-hunter2'] });

test('values under names of secrets are hidden whole, others are searched', () => {
  expect(
    redactJson({
      password: 'x',
      db: { DB_PASSWORD: 12345, nested: { apiKey: ['a', { b: 'c' }] } },
      Authorization: 'x',
      env: [
        { name: 'API_TOKEN', value: 'abc' },
        { name: 'LOG_LEVEL', value: 'debug' },
      ],
      note: 'has hunter2-hunter2 inside',
      'hunter2-hunter2': 1,
      token: null,
      secret: true,
      max_tokens: 5,
      client_secret: 'env:CLIENT_SECRET',
    }),
  ).toEqual({
    password: '[redacted:secret]',
    db: {
      DB_PASSWORD: '[redacted:secret]',
      nested: { apiKey: ['[redacted:secret]', { b: '[redacted:secret]' }] },
    },
    Authorization: '[redacted:secret]',
    env: [
      { name: 'API_TOKEN', value: '[redacted:secret]' },
      { name: 'LOG_LEVEL', value: 'debug' },
    ],
    note: 'has [redacted:known-value] inside',
    '[redacted:known-value]': 1,
    token: null,
    secret: true,
    max_tokens: 5,
    client_secret: 'env:CLIENT_SECRET',
  });
});

test('what JSON can not carry becomes text or a mark, and nothing throws', () => {
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;
  let deep: unknown = 'hunter2-hunter2';
  for (let level = 0; level < 50_000; level += 1) deep = [deep];
  let shared: unknown = 'x';
  for (let level = 0; level < 60; level += 1) shared = [shared, shared];
  const hostile = {
    get boom(): string {
      throw new Error('no');
    },
  };
  const error = new Error('token=abc', { cause: new TypeError('hunter2-hunter2') });
  const result = JSON.stringify(
    redactJson({
      cycle,
      deep,
      hostile,
      error,
      big: 10n,
      not: Number.NaN,
      run: () => 1,
      at: new Date(0),
      bytes: Buffer.from('x'),
    }),
  );
  expect(result).not.toMatch(/hunter2|token=abc/);
  expect(result).toContain('[redacted:cycle]');
  expect(result).toContain('[redacted:depth]');
  expect(result).toContain('"hostile":"[redacted:unreadable]"');
  expect(result).toContain('"at":"1970-01-01T00:00:00.000Z"');
  expect(Array.isArray(redactJson(shared))).toBe(true);
  expect(redactJson(new Map([['password', 'x']]))).toEqual({ password: '[redacted:secret]' });
});

test('keys that are hidden alike stay apart, and a key named __proto__ is a key', () => {
  const value: unknown = JSON.parse('{"hunter2-hunter2":1,"a hunter2-hunter2":2,"__proto__":{"x":1}}');
  expect(Object.keys(redactJson(value) as object)).toHaveLength(3);
  const twice = redactJson(
    JSON.parse('{"eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.x":1,"eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.y":2}'),
  );
  expect(twice).toEqual({ '[redacted:jwt]': 1, '[redacted:jwt]#2': 2 });
});

test('any value comes out as JSON, the same the second time, without the known value', () => {
  fc.assert(
    fc.property(
      fc.anything({
        withBigInt: true,
        withDate: true,
        withMap: true,
        withSet: true,
        withNullPrototype: true,
      }),
      (value) => {
        const once = redactJson({ value, known: ['hunter2-hunter2'] });
        const text = JSON.stringify(once);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(redactJson(once))));
        expect(text).not.toContain('hunter2');
      },
    ),
  );
});

import { AppError } from '@carapulse/kernel';
import type { JsonObject } from '@carapulse/kernel';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { HttpRequestSpec, HttpResult } from '../../egress-http.ts';
import { createToolRegistry } from '../../registry.ts';
import { sessionOf } from '../../session.testing.ts';
import { HttpSettings, resolveTarget } from './http-settings.ts';
import { http } from './index.ts';

const section = {
  endpoints: {
    shop: { base_url: 'http://127.0.0.1:8123/api', egress: 'private', paths: ['/health', '/log/'] },
    open: { base_url: 'https://status.example.test', headers: { authorization: 'Bearer t' } },
  },
};
const settings = HttpSettings.parse(section);

async function call(
  action: string,
  input: JsonObject,
  answer: Partial<HttpResult> | AppError,
): Promise<{ output: JsonObject; sent: HttpRequestSpec[] }> {
  const sent: HttpRequestSpec[] = [];
  const session = sessionOf(http, section, action, input, {
    egressHttp: {
      request: (spec) => {
        sent.push(spec);
        const base = { status: 200, headers: {}, body: '', truncated: false, durationMs: 12.4 };
        return answer instanceof AppError ? Promise.reject(answer) : Promise.resolve({ ...base, ...answer });
      },
    },
  });
  return { output: (await session.run()) as JsonObject, sent };
}

describe('http', () => {
  test('get reads below an endpoint and parses JSON', async () => {
    const { output, sent } = await call(
      'get',
      { url: 'http://127.0.0.1:8123/api/log/today?tail=5' },
      { body: '{"items":[1]}', headers: { 'content-type': 'application/json' } },
    );
    expect(output).toMatchObject({
      ok: true,
      status: 200,
      latency_ms: 12,
      json: { items: [1] },
      body_truncated: false,
    });
    expect(sent).toMatchObject([
      {
        method: 'GET',
        url: 'http://127.0.0.1:8123/api/log/today?tail=5',
        egress: [{ host: '127.0.0.1', port: 8123, addresses: 'private' }],
        maxRedirects: 0,
        timeoutMs: 60_000,
      },
    ]);
  });

  test('an endpoint and a path are the same as their URL, with the endpoint’s headers', async () => {
    const { sent } = await call('get', { endpoint: 'open', path: '/a', query: { q: '&x= y' } }, {});
    expect(sent[0]).toMatchObject({
      url: 'https://status.example.test/a?q=%26x%3D+y',
      headers: { authorization: 'Bearer t' },
      egress: [{ host: 'status.example.test', port: 443, addresses: 'public' }],
    });
  });

  test('probe tells a failing status, no answer and no answer in time apart', async () => {
    const input = { endpoint: 'shop', path: '/health' };
    expect((await call('probe', input, { status: 503, body: 'down' })).output).toMatchObject({
      ok: false,
      status: 503,
      error: null,
      body: 'down',
    });
    const down = new AppError('unavailable', 'refused', { retryable: true });
    expect((await call('probe', input, down)).output).toMatchObject({
      ok: false,
      status: null,
      error: 'unreachable',
    });
    const slow = new AppError('timeout', 'slow', { retryable: true });
    expect((await call('probe', input, slow)).output).toMatchObject({ ok: false, error: 'timeout' });
    const forbidden = new AppError('policy_denied', 'outside the egress rules');
    await expect(call('probe', input, forbidden)).rejects.toMatchObject({ code: 'policy_denied' });
  });

  test('bounds what it keeps of a body', async () => {
    const { output } = await call(
      'probe',
      { endpoint: 'shop', path: '/health' },
      { body: 'x'.repeat(10_000) },
    );
    expect(output).toMatchObject({ body: 'x'.repeat(4000), body_truncated: true, json: null });
  });

  test.each([
    'http://127.0.0.1:8123/api/secret',
    'http://127.0.0.1:8123/api/healthy',
    'http://127.0.0.1:8123/api/log/../secret',
    'http://127.0.0.1:8123/api/log/%2e%2e/secret',
    'http://127.0.0.1:8123/api/log/..%2fsecret',
    'http://127.0.0.1:8123/api/log/..%5csecret',
    'http://127.0.0.1:8123/api/log\\..\\secret',
    'http://127.0.0.1:8123/api/log//x',
    'http://127.0.0.1:8124/api/health',
    'https://127.0.0.1:8123/api/health',
    'http://user@127.0.0.1:8123/api/health',
    'http://127.0.0.1:8123@evil.test/api/health',
    'http://169.254.169.254/latest/meta-data',
    'http://127.0.0.1:8123/health',
  ])('refuses %s before anything is sent', (url) => {
    expect(() => resolveTarget(settings, { url })).toThrow(/not below an endpoint/);
  });

  test.each([
    'secret',
    '/a/../b',
    '/%2e%2e/x',
    '/a%2Fb',
    '//x',
    '/a?x',
    '/a#x',
    '/a b',
    '/a\nb',
    '/a\\b',
    '/a/.',
  ])('refuses the path %j by schema', (path) => {
    const action = createToolRegistry([http], { http: section }).find('http', 'get').action;
    expect(action.input.safeParse({ endpoint: 'shop', path }).success).toBe(false);
  });

  test('whatever URL resolves stays at the endpoint and below its paths', () => {
    const part = fc.constantFrom(
      '..',
      '.',
      '%2e%2e',
      '%2f',
      'log',
      'health',
      'api',
      '/',
      '\\',
      '@',
      ':',
      '?',
      '#',
      'x',
      ' ',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        const url = `http://127.0.0.1:8123/api/${parts.join('')}`;
        let resolved: string;
        try {
          resolved = resolveTarget(settings, { url }).url;
        } catch {
          return;
        }
        expect(resolved).toMatch(/^http:\/\/127\.0\.0\.1:8123\/api\/(health([/?]|$)|log\/)/);
      }),
      { numRuns: 3000 },
    );
  });
});

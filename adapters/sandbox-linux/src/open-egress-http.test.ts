import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { EgressRule, HttpRequestSpec } from '@carapulse/tools';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { openEgressHttp } from './open-egress-http.ts';

let server: Server;
let other: Server;
const seen: Array<{ host: string; url: string; method: string; authorization: string; body: string }> = [];
const lookups: string[] = [];

const http = openEgressHttp({
  resolve: async (host) => {
    lookups.push(host);
    const known: Record<string, string[]> = {
      'service.example': ['127.0.0.1'],
      'other.example': ['127.0.0.1'],
      'metadata.example': ['169.254.169.254'],
    };
    const found = known[host];
    if (found === undefined) return await Promise.reject(new Error('ENOTFOUND'));
    return found;
  },
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  const { host = '', authorization = '' } = request.headers;
  seen.push({ host, url: request.url ?? '', method: request.method ?? '', authorization, body });
  const target = new URL(request.url ?? '/', 'http://x');
  const to = target.searchParams.get('to');
  if (to !== null)
    response.writeHead(Number(target.searchParams.get('status') ?? 302), { location: to }).end();
  else if (target.pathname === '/big') response.end('x'.repeat(10_000));
  else if (target.pathname !== '/hang') response.setHeader('X-Kind', 'test').end('hello');
}

const port = (of: Server): number => (of.address() as AddressInfo).port;

beforeAll(async () => {
  [server, other] = [
    createServer((...call) => void answer(...call)),
    createServer((...call) => void answer(...call)),
  ];
  server.listen(0, '127.0.0.1');
  other.listen(0, '127.0.0.1');
  await Promise.all([once(server, 'listening'), once(other, 'listening')]);
});

afterAll(() => {
  for (const each of [server, other]) {
    each.closeAllConnections();
    each.close();
  }
});

beforeEach(() => {
  seen.length = 0;
  lookups.length = 0;
});

function spec(path: string, over: Partial<HttpRequestSpec> = {}): HttpRequestSpec {
  return {
    method: 'GET',
    url: `http://service.example:${port(server)}${path}`,
    headers: {},
    egress: [allow('service.example', server)],
    timeoutMs: 5000,
    maxResponseBytes: 1000,
    maxRedirects: 3,
    ...over,
  };
}

const allow = (host: string, of: Server, addresses: EgressRule['addresses'] = 'private'): EgressRule => ({
  host,
  port: port(of),
  addresses,
});
const never = new AbortController().signal;

it('answers with status, lower-case headers and body, and sends the name as Host', async () => {
  const result = await http.request(spec('/a?b=c', { method: 'POST', body: 'sent' }), never);
  expect(result).toMatchObject({ status: 200, body: 'hello', truncated: false });
  expect(result.headers['x-kind']).toBe('test');
  expect(seen).toMatchObject([
    { host: `service.example:${port(server)}`, url: '/a?b=c', method: 'POST', body: 'sent' },
  ]);
  expect(lookups).toEqual(['service.example']);
});

it('refuses a destination outside the rules and a private address behind a public rule', async () => {
  await expect(http.request(spec('/', { egress: [] }), never)).rejects.toMatchObject({
    code: 'policy_denied',
  });
  const asPublic = spec('/', { egress: [allow('service.example', server, 'public')] });
  await expect(http.request(asPublic, never)).rejects.toMatchObject({
    code: 'policy_denied',
    message: expect.stringContaining(`service.example:${port(server)}`) as string,
  });
  const metadata = spec('/', {
    url: 'http://metadata.example/',
    egress: [{ host: 'metadata.example', port: 80, addresses: 'private' }],
  });
  await expect(http.request(metadata, never)).rejects.toMatchObject({ code: 'policy_denied' });
  expect(seen).toEqual([]);
});

it.each([
  'http://127.0.0.1',
  'http://[::ffff:127.0.0.1]',
  'http://2130706433',
  'http://0x7f.1',
  'http://localhost',
])('refuses this machine by the name %s', async (base) => {
  const url = `${base}:${port(server)}/`;
  await expect(http.request(spec('/', { url }), never)).rejects.toMatchObject({ code: 'policy_denied' });
});

it('follows a redirect only where a rule allows it, without credentials to another origin', async () => {
  const to = `http://other.example:${port(other)}/there`;
  const path = `/?to=${encodeURIComponent(to)}`;
  const headers = { Authorization: 'Bearer secret' };
  await expect(http.request(spec(path, { headers }), never)).rejects.toMatchObject({ code: 'policy_denied' });
  const egress = [allow('service.example', server), allow('other.example', other)];
  seen.length = 0;
  const result = await http.request(spec(path, { headers, egress }), never);
  expect(result.status).toBe(200);
  expect(seen.map((request) => request.authorization)).toEqual(['Bearer secret', '']);
});

it('turns a redirected POST into GET as browsers do, and keeps it for 307', async () => {
  const headers = { Authorization: 'Bearer kept' };
  await http.request(spec('/?to=/next', { method: 'POST', body: 'x', headers }), never);
  expect(seen.map((request) => request.authorization)).toEqual(['Bearer kept', 'Bearer kept']);
  await http.request(spec('/?to=/next&status=307', { method: 'POST', body: 'x' }), never);
  expect(seen.map((request) => `${request.method} ${request.body}`)).toEqual([
    'POST x',
    'GET ',
    'POST x',
    'POST x',
  ]);
});

it('gives the redirect itself back when there were too many', async () => {
  const result = await http.request(spec('/?to=/%3Fto=/', { maxRedirects: 1 }), never);
  expect(result.status).toBe(302);
});

it('cuts a body at its limit and says so', async () => {
  const result = await http.request(spec('/big'), never);
  expect(result).toMatchObject({ status: 200, truncated: true });
  expect(result.body.length).toBe(1000);
});

it('names timeout, cancellation and unreachable services', async () => {
  await expect(http.request(spec('/hang', { timeoutMs: 100 }), never)).rejects.toMatchObject({
    code: 'timeout',
  });
  const cancel = new AbortController();
  const running = http.request(spec('/hang'), cancel.signal);
  cancel.abort();
  await expect(running).rejects.toMatchObject({ code: 'cancelled' });
  const unknown = spec('/', {
    url: 'http://unknown.example/',
    egress: [{ host: 'unknown.example', port: 80, addresses: 'public' }],
  });
  await expect(http.request(unknown, never)).rejects.toMatchObject({ code: 'unavailable', retryable: true });
  const closed = createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const refused = spec('/', {
    url: `http://service.example:${port(closed)}/`,
    egress: [allow('service.example', closed)],
  });
  closed.close();
  await once(closed, 'close');
  await expect(http.request(refused, never)).rejects.toMatchObject({ code: 'unavailable', retryable: true });
});

it('refuses URLs that are not plain http or carry credentials', async () => {
  for (const url of [
    'ftp://service.example/',
    'file:///etc/passwd',
    'nonsense',
    'http://u:p@service.example/',
  ]) {
    await expect(http.request(spec('/', { url }), never)).rejects.toMatchObject({ code: 'invalid_input' });
  }
});

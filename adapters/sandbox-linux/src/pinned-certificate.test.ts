import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HttpRequestSpec, HttpResult } from '@carapulse/tools';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openEgressHttp } from './open-egress-http.ts';

const directory = mkdtempSync(join(tmpdir(), 'carapulse-certificates-'));
const own = selfSigned('own');
const other = selfSigned('other');
let server: Server;
let requests = 0;

/** A certificate for `service.example` that is its own authority. */
function selfSigned(name: string): { readonly key: string; readonly cert: string } {
  const [key, cert] = [join(directory, `${name}.key`), join(directory, `${name}.crt`)];
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const names = ['-subj', '/CN=service.example', '-addext', 'subjectAltName=DNS:service.example'];
  execFileSync('openssl', [...request, '-keyout', key, '-out', cert, '-days', '2', ...names], {
    stdio: 'pipe',
  });
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
}

beforeAll(async () => {
  server = createServer({ key: own.key, cert: own.cert }, (_request, response) => {
    requests += 1;
    response.end('hello');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

function ask(over: Partial<HttpRequestSpec>, trusted: readonly string[] = []): Promise<HttpResult> {
  const { port } = server.address() as AddressInfo;
  const spec: HttpRequestSpec = {
    method: 'GET',
    url: `https://service.example:${port}/`,
    headers: {},
    egress: ['service.example', 'elsewhere.example'].map((host) => ({ host, port, addresses: 'private' })),
    timeoutMs: 5000,
    maxResponseBytes: 1000,
    maxRedirects: 0,
    ...over,
  };
  const http = openEgressHttp({ resolve: () => Promise.resolve(['127.0.0.1']), ca: trusted });
  return http.request(spec, new AbortController().signal);
}

it('a pinned authority is trusted, and without it nobody of its making', async () => {
  expect((await ask({ tls: { ca: own.cert } })).body).toBe('hello');
  const before = requests;
  await expect(ask({})).rejects.toMatchObject({ code: 'unavailable' });
  expect(requests).toBe(before);
});

it('a pin is trusted alone, not beside what is trusted otherwise', async () => {
  expect((await ask({}, [own.cert])).status).toBe(200);
  const before = requests;
  await expect(ask({ tls: { ca: other.cert } }, [own.cert])).rejects.toMatchObject({ code: 'unavailable' });
  expect(requests).toBe(before);
});

it('a pinned authority must also have signed for the name that is asked', async () => {
  const { port } = server.address() as AddressInfo;
  const elsewhere = ask({ url: `https://elsewhere.example:${port}/`, tls: { ca: own.cert } });
  await expect(elsewhere).rejects.toMatchObject({ code: 'unavailable' });
});

it('a pinned request is not sent over plain http', async () => {
  const { port } = server.address() as AddressInfo;
  const plain = ask({ url: `http://service.example:${port}/`, tls: { ca: own.cert } });
  await expect(plain).rejects.toMatchObject({ code: 'policy_denied' });
});

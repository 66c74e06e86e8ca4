import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EgressRule } from '@carapulse/tools';
import type { AppError } from '@carapulse/kernel';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { EgressProxy } from './egress-proxy.ts';

const dir = mkdtempSync(join(tmpdir(), 'proxy-'));
const refused: AppError[] = [];
let service: Server;
let rules: EgressRule[];
let proxy: EgressProxy | null = null;
let count = 0;

beforeAll(async () => {
  service = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (asked) =>
      socket.write(asked.toString() === 'flood' ? Buffer.alloc(300_000) : 'hello'),
    );
  });
  service.listen(0, '127.0.0.1');
  await once(service, 'listening');
  rules = [{ host: 'service.example', port: (service.address() as AddressInfo).port, addresses: 'private' }];
});

afterEach(async () => {
  await proxy?.close();
  proxy = null;
});

afterAll(() => {
  service.close();
  rmSync(dir, { recursive: true, force: true });
});

async function listen(over: { maxBytes?: number; idleTimeoutMs?: number } = {}): Promise<string> {
  count += 1;
  const path = join(dir, `s${count}`);
  proxy = await EgressProxy.listen(path, {
    rules,
    resolve: async () => await Promise.resolve(['127.0.0.1']),
    connectTimeoutMs: 2000,
    idleTimeoutMs: 10_000,
    maxBytes: 1_000_000,
    onRefused: (error) => refused.push(error),
    ...over,
  });
  return path;
}

/** All that comes back for the words sent, each after an answer to the one before, until the proxy hangs up. */
async function talk(path: string, ...words: ReadonlyArray<string | Buffer>): Promise<Buffer> {
  const socket = connect(path);
  const parts: Buffer[] = [];
  const rest = [...words];
  socket.on('error', () => undefined);
  socket.write(rest.shift() ?? '');
  socket.on('data', (part) => {
    parts.push(part);
    const next = rest.shift();
    if (next !== undefined) socket.write(next);
  });
  await once(socket, 'close');
  return Buffer.concat(parts);
}

const tunnelTo = (authority: string): string => `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`;

const greeting = Buffer.of(5, 2, 1, 0);
const GREETED = '0500';
/** A SOCKS5 request for a name and a port. */
function socksTo(name: string, port: number, command = 1): Buffer {
  return Buffer.from([5, command, 0, 3, name.length, ...Buffer.from(name), port >> 8, port & 0xff]);
}
const replyOf = (code: number): string => `${GREETED}050${code}0001000000000000`;

it('a tunnel ends when the run has moved all the bytes it may', async () => {
  const path = await listen({ maxBytes: 100_000 });
  const received = await talk(path, tunnelTo(`service.example:${rules[0]?.port}`), 'flood');
  expect(received.toString('latin1')).toMatch(/^HTTP\/1\.1 200 /);
  expect(received.length).toBeLessThan(300_000);
});

it('carries a SOCKS connection to what is allowed, however its bytes arrive', async () => {
  const path = await listen({ idleTimeoutMs: 100 });
  const port = rules[0]?.port ?? 0;
  const opened = `${replyOf(0)}${Buffer.from('hello').toString('hex')}`;
  const asked = socksTo('SERVICE.example', port);
  expect((await talk(path, greeting, asked, 'hi')).toString('hex')).toBe(opened);
  const socket = connect(path);
  const parts: Buffer[] = [];
  socket.on('data', (part) => parts.push(part));
  for (const byte of [...greeting, ...asked, ...Buffer.from('hi')]) {
    socket.write(Buffer.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await once(socket, 'close');
  expect(Buffer.concat(parts).toString('hex')).toBe(opened);
});

it.each<[string, Buffer, number]>([
  ['another name', socksTo('other.example', 443), 2],
  ['an address', Buffer.of(5, 1, 0, 1, 169, 254, 169, 254, 0, 80), 2],
  ['an IPv6 address', Buffer.from([5, 1, 0, 4, ...Buffer.alloc(15), 1, 0, 80]), 2],
  ['a name with a path', socksTo('service.example/x', 80), 7],
  ['a name that is empty', socksTo('', 80), 7],
  ['port 0', socksTo('service.example', 0), 7],
  ['BIND', socksTo('service.example', 80, 2), 7],
  ['a kind of address that there isn’t', Buffer.of(5, 1, 0, 9, 0, 0, 0, 80), 7],
])('refuses %s by SOCKS', async (_what, asked, code) => {
  refused.length = 0;
  const path = await listen();
  expect((await talk(path, greeting, asked)).toString('hex')).toBe(replyOf(code));
  expect(refused).toHaveLength(code === 2 ? 1 : 0);
});

it('refuses a SOCKS client that wants to authenticate', async () => {
  const path = await listen();
  expect((await talk(path, Buffer.of(5, 1, 2))).toString('hex')).toMatch(/^05ff/);
});

it('an idle tunnel ends', async () => {
  const path = await listen({ idleTimeoutMs: 100 });
  const received = await talk(path, tunnelTo(`service.example:${rules[0]?.port}`), 'hello');
  expect(received.toString('latin1')).toMatch(/hello$/);
});

it.each([
  ['no port', tunnelTo('service.example'), 400],
  ['credentials', tunnelTo('user@service.example:80'), 400],
  ['a port out of range', tunnelTo('service.example:70000'), 400],
  ['another name', tunnelTo('other.example:443'), 403],
  [
    'https in absolute form',
    'GET https://service.example/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    400,
  ],
  ['origin form', 'GET / HTTP/1.1\r\nHost: service.example\r\nConnection: close\r\n\r\n', 400],
])('refuses %s', async (_what, request, status) => {
  const path = await listen();
  expect((await talk(path, request)).toString('latin1')).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
});

it.each([
  ['HTTP', (port: number) => [tunnelTo(`service.example:${port}`)]],
  ['SOCKS', (port: number) => [greeting, socksTo('service.example', port)]],
])('answers who has nothing more to say, by %s', async (_what, asked) => {
  const socket = connect({ path: await listen(), allowHalfOpen: true });
  const parts: Buffer[] = [];
  socket.on('data', (part) => parts.push(part));
  for (const words of asked(rules[0]?.port ?? 0)) {
    socket.write(words);
    await once(socket, 'data');
  }
  socket.end('hi');
  await once(socket, 'end');
  expect(Buffer.concat(parts).toString('latin1')).toMatch(/hello$/);
});

it('hangs up on who says nothing', async () => {
  const socket = connect({ path: await listen(), allowHalfOpen: true });
  socket.end();
  socket.resume();
  await once(socket, 'close');
  expect(socket.bytesRead).toBe(0);
});

it('tells what it refused by policy', async () => {
  refused.length = 0;
  const path = await listen();
  await talk(path, tunnelTo('other.example:443'));
  expect(refused.map((error) => error.details)).toEqual([{ host: 'other.example', port: 443 }]);
});

it('closing ends tunnels that are open', async () => {
  const path = await listen();
  const talking = talk(path, tunnelTo(`service.example:${rules[0]?.port}`));
  await once(service, 'connection');
  await proxy?.close();
  proxy = null;
  expect((await talking).toString('latin1')).not.toContain('hello');
});

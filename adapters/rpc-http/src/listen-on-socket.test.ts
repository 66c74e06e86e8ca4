import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TOOL_ROUTER_RPC } from '@carapulse/contract';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { serve } from './rpc-server.ts';
import { openTestService, type TestService } from './test-service.testing.ts';

let dir: string;
let socket: string;
const services: TestService[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'carapulse-socket-'));
  socket = join(dir, 's');
});
afterEach(async () => {
  await Promise.all(services.splice(0).map(({ server }) => server.close(0)));
  rmSync(dir, { recursive: true, force: true });
});

async function open(): Promise<TestService> {
  const served = [serve(TOOL_ROUTER_RPC.cancelTool, async () => ({ cancelled: true }))];
  const service = await openTestService(served, {}, { socket });
  services.push(service);
  return service;
}

const ask = (service: TestService, token?: string) =>
  service
    .connect(token === undefined ? {} : { token })
    .call(TOOL_ROUTER_RPC.cancelTool, { call_id: 'a'.repeat(16) }, new AbortController().signal);

/** A socket's file whose process was killed: nobody removed it. */
async function abandon(): Promise<void> {
  const server = createServer().listen(join(dir, 'other'));
  await once(server, 'listening');
  renameSync(join(dir, 'other'), socket);
  server.close();
  await once(server, 'close');
}

test('a service answers on a unix socket that its user alone can open, and removes it at its end', async () => {
  const mask = process.umask(0);
  try {
    const service = await open();
    expect(service.url).toBe(`unix:${socket}`);
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    expect(await ask(service)).toEqual({ cancelled: true });
    await expect(ask(service, 'another')).rejects.toMatchObject({ code: 'unauthenticated' });
    await services.pop()?.server.close(0);
    expect(() => statSync(socket)).toThrow('ENOENT');
  } finally {
    process.umask(mask);
  }
});

test('the socket of a process that was killed is replaced', async () => {
  await abandon();
  expect(statSync(socket).isSocket()).toBe(true);
  expect(await ask(await open())).toEqual({ cancelled: true });
});

test('a socket that somebody listens on is taken, and goes on working', async () => {
  const first = await open();
  await expect(open()).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining(socket) });
  expect(await ask(first)).toEqual({ cancelled: true });
});

test('a file that is no socket stays as it is', async () => {
  writeFileSync(socket, 'mine');
  await expect(open()).rejects.toMatchObject({ code: 'conflict' });
  expect(readFileSync(socket, 'utf8')).toBe('mine');
});

test.each([
  ['a directory that is not there', () => join(dir, 'nowhere', 's')],
  ['a path that is too long for a socket', () => join(dir, 'x'.repeat(120))],
])('%s is told by its path', async (_what, place) => {
  socket = place();
  await expect(open()).rejects.toMatchObject({
    code: 'invalid_input',
    message: expect.stringContaining(`It cannot listen on ${socket}`),
  });
});

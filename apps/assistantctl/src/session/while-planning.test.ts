import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Session } from './session.ts';
import { sessionWith } from './session.testing.ts';
import { whilePlanning } from './while-planning.ts';

let server: Server;
let said: string[];
let noted: PromiseWithResolvers<void>;
/** Answers once the test lets it. */
let answer: PromiseWithResolvers<void>;
beforeEach(async () => {
  said = [];
  noted = Promise.withResolvers();
  answer = Promise.withResolvers();
  server = createServer((_request, response) => {
    void answer.promise.then(() =>
      response.writeHead(201, { 'content-type': 'application/json' }).end('{"made":true}'),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  answer.resolve();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

function open(timeoutMs?: number): Session {
  const options = { output: 'table' as const, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
  return sessionWith(server, options, (text, stream) => {
    if (stream === 'out') return;
    said.push(text);
    noted.resolve();
  });
}

async function start(session: Session, tellAfterMs: number) {
  const { client } = await session.connect();
  const params = { name: 'revert-commit' };
  const call = (limits: { readonly signal: AbortSignal; readonly timeoutMs: number }) =>
    client.call('startWorkflow', { params, body: { input: {}, reason: 'x' }, ...limits });
  return whilePlanning(session, call, tellAfterMs);
}

test('who waits for a plan is told what for, and gets it', async () => {
  const made = start(open(), 0);
  await noted.promise;
  expect(said.join('')).toContain('Still reading what the plan is made from');
  answer.resolve();
  expect((await made).body).toEqual({ made: true });
});

test('a plan has minutes where another command has half a minute, and what --timeout says where it says it', async () => {
  const given: number[] = [];
  for (const session of [open(), open(3)])
    await whilePlanning(session, async ({ timeoutMs }) => given.push(timeoutMs));
  expect(given).toEqual([290_000, 3]);
});

test('--timeout bounds the answer of every command', async () => {
  const { client } = await open(1).connect();
  await expect(client.call('getHalt', {})).rejects.toMatchObject({ code: 'timeout' });
});

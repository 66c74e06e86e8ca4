import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EXIT } from '../exit-codes.ts';
import { sessionWith } from '../session/session.testing.ts';
import { status } from './system.ts';

const AWAY = 'The database cannot be used now: connect ECONNREFUSED 127.0.0.1:5432';
const checks = [
  { name: 'database', ok: false, detail: AWAY },
  { name: 'policy', ok: true, detail: 'sha256:aa' },
];
const problem = { type: 'about:blank', title: 'unavailable', status: 503, code: 'unavailable', detail: AWAY };

let server: Server;
let ready: boolean;
beforeEach(async () => {
  server = createServer((request, response) => {
    if (request.url !== '/readyz')
      response.writeHead(503, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem));
    else response.writeHead(ready ? 200 : 503).end(JSON.stringify({ ready, checks }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  server.close();
  await once(server, 'close');
});

function open(output: 'table' | 'json') {
  const said: string[] = [];
  return { said, session: sessionWith(server, { output }, (text) => said.push(text)) };
}

test('status tells what is wrong with a server whose database is away', async () => {
  ready = false;
  const { said, session } = open('table');
  expect(await status(session, [], {})).toBe(EXIT.error);
  expect(said.join('')).toMatch(
    /NOT READY[^]*database +NOT OK[^]*policy +ok[^]*cannot be told: The database/,
  );
  const asJson = open('json');
  await status(asJson.session, [], {});
  expect(JSON.parse(asJson.said.join(''))).toMatchObject({
    ready: false,
    checks,
    halted: null,
    awaiting_approval: null,
  });
});

test('a server that is ready and yet answers nothing is a failure', async () => {
  ready = true;
  await expect(status(open('table').session, [], {})).rejects.toMatchObject({ code: 'unavailable' });
});

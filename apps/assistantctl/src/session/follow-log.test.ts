import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClient } from '@carapulse/client-http';
import { afterEach, expect, test } from 'vitest';
import { followLog } from './follow-log.ts';
import type { Session } from './session.ts';

let server: Server;
afterEach(() => server.close());

const line = (seq: number) =>
  `id: ${seq}\nevent: log\ndata: ${JSON.stringify({ seq, at: '', step_id: null, stream: 'event', text: 'x' })}\n\n`;
const end = (reconnect: boolean) =>
  `event: stream.end\ndata: ${JSON.stringify({ status: 'running', reason: '', reconnect })}\n\n`;

test.each([true, false])(
  'a log is read on with a new token when the old one has expired (follow: %j)',
  async (follow) => {
    const asked: unknown[] = [];
    const answers = [line(1) + line(2) + end(true), line(3) + end(false)];
    server = createServer((request, response) => {
      asked.push([request.headers.authorization, request.headers['last-event-id']]);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(answers.shift());
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    let tokens = 0;
    const notes: string[] = [];
    const session = {
      signal: new AbortController().signal,
      out: { note: (text: string) => notes.push(text) },
      connect: async () => ({
        client: createClient({ baseUrl: url, token: async () => `token-${++tokens}` }),
      }),
    } as unknown as Session;
    const seen: number[] = [];
    expect(await followLog(session, 'ex_1', { follow, line: ({ seq }) => seen.push(seq) })).toBe(true);
    expect(seen).toEqual([1, 2, 3]);
    expect(asked).toEqual([
      ['Bearer token-1', undefined],
      ['Bearer token-2', '2'],
    ]);
    expect(notes).toEqual([]);
  },
);

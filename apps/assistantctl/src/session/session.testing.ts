import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createSession, type GlobalOptions, type Session } from './session.ts';

/** A session of nobody's terminal with a server of the test; `tell` hears each text with its stream. */
export function sessionWith(
  server: Server,
  options: GlobalOptions,
  tell: (text: string, stream: 'out' | 'err') => void,
): Session {
  const { port } = server.address() as AddressInfo;
  const terminal = {
    env: { CARAPULSE_URL: `http://127.0.0.1:${port}`, CARAPULSE_TOKEN: 'token' },
    cwd: '/',
    interactive: false,
    columns: null,
    colour: false,
    out: (text: string) => tell(text, 'out'),
    err: (text: string) => tell(text, 'err'),
    ask: () => Promise.reject(new Error('nobody is there')),
  };
  return createSession(options, terminal, new AbortController().signal);
}

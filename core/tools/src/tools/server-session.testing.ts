import { spawn } from 'node:child_process';
import { AppError } from '@carapulse/kernel';
import type { JsonObject } from '@carapulse/kernel';
import type { EgressHttp } from '../egress-http.ts';
import { sessionOf } from '../session.testing.ts';
import type { AnyTool } from '../tool-definition.ts';
import type { ToolSession } from '../tool-session.ts';

/** For tests: the egress port on fetch, without rules. */
export const fetchEgress: EgressHttp = {
  request: async (spec, signal) => {
    const { method, headers, body } = spec;
    const started = performance.now();
    let response: Response;
    try {
      const content = body === undefined ? {} : { body };
      response = await fetch(spec.url, { method, headers, redirect: 'manual', signal, ...content });
    } catch (error) {
      throw new AppError('unavailable', `No answer from ${spec.url}`, { cause: error, retryable: true });
    }
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: await response.text(),
      truncated: false,
      durationMs: performance.now() - started,
    };
  },
};

/** For tests: a real server, until `stop`. */
export interface TestServer {
  /** What it said when it was ready. */
  readonly ready: RegExpExecArray;
  stop(): Promise<void>;
}

/** For tests: starts a program and waits until it says on standard error that it is ready. */
export async function startServer(program: string, args: string[], ready: RegExp): Promise<TestServer> {
  const server = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  let log = '';
  const said = await new Promise<RegExpExecArray>((resolve, reject) => {
    server.once('error', reject);
    server.once('exit', (code) => reject(new Error(`${program} ended with ${code}: ${log}`)));
    server.stderr.on('data', (chunk: Buffer) => {
      log += chunk.toString();
      const found = ready.exec(log);
      if (found !== null) resolve(found);
    });
  });
  return {
    ready: said,
    stop: async () => {
      server.kill('SIGKILL');
      await ended;
    },
  };
}

/** For tests: one action of a tool with an instance `main` at `url`, on the given egress. */
export function instanceSession(
  tool: AnyTool,
  url: string,
  action: string,
  input: JsonObject,
  egressHttp: EgressHttp,
): ToolSession {
  return sessionOf(tool, { instances: { main: { url, egress: 'private' } } }, action, input, { egressHttp });
}

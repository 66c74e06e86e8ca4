/**
 * An upstream OPA server as a child process, for tests and benches that compare with it. Owner: whoever
 * started it. Invariant: when `start` has failed or `stop` has resolved, no process is left.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { AppError } from '@carapulse/kernel';

export interface OpaServer {
  /** The value of `policy.assistant.v1.decision` for an input, over one kept-alive connection; undefined if none. */
  decide(inputJson: string, signal: AbortSignal): Promise<unknown>;
  stop(): Promise<void>;
}

const READY_MS = 20_000;

/** The first `opa` of: $OPA_BINARY, the pinned one that native/build-servers.ts built, PATH. Null without any. */
export function findOpaBinary(env: Readonly<Record<string, string | undefined>>): string | null {
  const named = env['OPA_BINARY'];
  if (named !== undefined && named !== '') return named;
  const paths = (env['PATH'] ?? '').split(delimiter).filter((dir) => dir !== '');
  return pinnedBinary(env) ?? paths.map((dir) => join(dir, 'opa')).find((path) => existsSync(path)) ?? null;
}

function pinnedBinary(env: Readonly<Record<string, string | undefined>>): string | null {
  const builder = fileURLToPath(new URL('../../../native/build-servers.ts', import.meta.url));
  const asked = spawnSync(process.execPath, [builder, '--built', 'opa'], { env, encoding: 'utf8' });
  return /^opa (.+)$/m.exec(asked.stdout)?.[1] ?? null;
}

/** Serves the bundle in `dir` on a free port of 127.0.0.1. @throws AppError `unavailable` when it does not start. */
export async function startOpaServer(binary: string, dir: string, signal: AbortSignal): Promise<OpaServer> {
  const port = await freePort();
  const args = [
    'run',
    '--server',
    '--addr',
    `127.0.0.1:${port}`,
    '--log-level',
    'error',
    '--disable-telemetry',
    dir,
  ];
  const child = spawn(binary, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(-4000)));
  const exited = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      complaint += String(error);
      resolve();
    });
    child.once('exit', () => resolve());
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const stop = async () => {
    agent.destroy();
    child.kill('SIGKILL');
    await exited;
  };
  const send = (method: string, path: string, body: string, sending: AbortSignal) =>
    exchange({ agent, port, method, path }, body, sending);
  try {
    const deadline = performance.now() + READY_MS;
    while (!(await isReady(send, signal))) {
      if (child.exitCode !== null || child.pid === undefined || performance.now() > deadline) {
        throw new AppError('unavailable', `${binary} did not start serving ${dir}: ${complaint.trim()}`);
      }
      await sleep(20, undefined, { signal });
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    stop,
    decide: async (inputJson, deciding) => {
      const reply = await send(
        'POST',
        '/v1/data/policy/assistant/v1/decision',
        `{"input":${inputJson}}`,
        deciding,
      );
      if (reply.status !== 200)
        throw new AppError('unavailable', `OPA answered ${reply.status}: ${reply.body}`);
      return (JSON.parse(reply.body) as { readonly result?: unknown }).result;
    },
  };
}

type Send = (method: string, path: string, body: string, signal: AbortSignal) => Promise<Reply>;

interface Reply {
  readonly status: number;
  readonly body: string;
}

async function isReady(send: Send, signal: AbortSignal): Promise<boolean> {
  try {
    return (await send('GET', '/health', '', signal)).status === 200;
  } catch {
    // Refused: not listening yet. A child that died is seen by the caller.
    return false;
  }
}

function exchange(
  to: { readonly agent: Agent; readonly port: number; readonly method: string; readonly path: string },
  body: string,
  signal: AbortSignal,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const sent = request({ ...to, host: '127.0.0.1', headers, signal }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
      );
    });
    sent.setNoDelay(true);
    sent.on('error', reject);
    sent.end(body);
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}

import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, connect } from 'node:net';
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { SHORT_LIVED } from './short-lived.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'apps', 'carapulse', 'src', 'main.ts');

/** `carapulse tool-router` or `carapulse sandbox-exec` as people start it. */
export interface ServiceProcess {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** What it has said so far, on both streams. */
  readonly said: () => string;
  readonly ended: Promise<unknown>;
  signal(name: NodeJS.Signals): void;
  /** SIGTERM, and its end. */
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();

/** @throws Error with what it said when it ends before it is ready. */
export async function startService(
  command: readonly string[],
  config: object,
  configFile: string,
): Promise<ServiceProcess> {
  writeFileSync(configFile, JSON.stringify(config));
  const child = fork(MAIN, [...command, '--config', configFile], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    execArgv: [...SHORT_LIVED],
  });
  running.add(child);
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  const ended = once(child, 'exit').finally(() => running.delete(child));
  const ready = once(child, 'message') as Promise<[{ readonly url: string }]>;
  const first = await Promise.race([ready, ended.then(() => null)]);
  if (first === null) throw new Error(`${command.join(' ')} ended before it was ready: ${said}`);
  const [{ url }] = first;
  return {
    url,
    port: Number(new URL(url).port),
    pid: child.pid ?? 0,
    said: () => said,
    ended,
    signal: (name) => void child.kill(name),
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Ends whatever a failed test left running, stopped ones too. */
export async function endServices(): Promise<void> {
  await Promise.all(
    [...running].map(async (child) => {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }),
  );
}

/** An address that leads to one service and, told so, to another. */
export interface Relay {
  readonly url: string;
  leadTo(port: number): void;
  close(): Promise<void>;
}

export async function openRelay(port: number): Promise<Relay> {
  let target = port;
  const sockets = new Set<{ destroy(): unknown }>();
  const server = createServer((near) => {
    const far = connect({ host: '127.0.0.1', port: target });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far).pipe(near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The relay has no port.');
  return {
    url: `http://127.0.0.1:${address.port}`,
    leadTo: (next) => {
      target = next;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

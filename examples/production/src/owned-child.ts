// Owner: whoever started it. Boundary: one node process and the channel to it.
// 1. It never outlives its owner: it ends when the channel closes, and on stop() at the latest by SIGKILL.
// 2. A request is answered, or rejected once the process is gone; none hangs.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { AppError } from '@carapulse/kernel';
import { throwIfCancelled } from './cancellation.ts';
import type { ChildMessage } from './child-link.ts';
import { readLines } from './read-lines.ts';

export interface OwnedChild {
  readonly pid: number;
  readonly port: number;
  /** Resolves with a description once the process is gone; never rejects. */
  readonly exited: Promise<string>;
  /** @throws AppError `tool_failed` when the child refuses, retryable `unavailable` when it is gone. */
  request(command: string, payload: unknown, signal: AbortSignal): Promise<void>;
  /** SIGKILL, as if it had crashed. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

export interface OwnedChildOptions {
  /** Module beside this one, e.g. `./service.ts`. */
  readonly module: string;
  readonly arguments: unknown;
  readonly directory: string;
  readonly onLine: (line: string) => void;
  readonly signal: AbortSignal;
}

const STOP_WITHIN_MS = 1000;

/**
 * Starts the module as a process and waits until it listens.
 * @throws AppError `unavailable` when it ends or refuses before that, `cancelled` on abort.
 */
export async function startOwnedChild(options: OwnedChildOptions): Promise<OwnedChild> {
  const { module, signal } = options;
  throwIfCancelled(signal, `The start of ${module}`);
  const child = fork(fileURLToPath(new URL(module, import.meta.url)), [JSON.stringify(options.arguments)], {
    cwd: options.directory,
    env: { PATH: process.env['PATH'] ?? '', TZ: 'UTC' },
    execArgv: ['--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  for (const stream of [child.stdout, child.stderr]) if (stream !== null) readLines(stream, options.onLine);

  const exited = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('exit', (code, by) => resolve(by === null ? `ended with status ${code}` : `ended by ${by}`));
  });
  const kill = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  const stop = async () => {
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
    if (child.connected) child.disconnect();
    await exited;
    clearTimeout(timer);
  };

  const replies = new Map<number, (message: { error?: string }) => void>();
  const port = await new Promise<number>((resolve, reject) => {
    const refuse = (text: string) => reject(new AppError('unavailable', `${module} did not start: ${text}`));
    const onAbort = () => reject(new AppError('cancelled', `The start of ${module} was cancelled`));
    signal.addEventListener('abort', onAbort, { once: true });
    void exited.then(refuse);
    child.on('message', (message: ChildMessage) => {
      if (message.kind === 'reply') replies.get(message.id)?.(message);
      if (message.kind === 'failed') refuse(message.error);
      if (message.kind === 'ready') {
        signal.removeEventListener('abort', onAbort);
        resolve(message.port);
      }
    });
  }).catch(async (error: unknown) => {
    await kill();
    throw error;
  });

  let lastId = 0;
  return {
    pid: child.pid ?? 0,
    port,
    exited,
    kill,
    stop,
    async request(command, payload, signal) {
      throwIfCancelled(signal, `${module} ${command}`);
      lastId += 1;
      const id = lastId;
      const onAbort = Promise.withResolvers<never>();
      const cancel = () => onAbort.reject(new AppError('cancelled', `${module} ${command} was cancelled`));
      signal.addEventListener('abort', cancel, { once: true });
      try {
        const reply = new Promise<{ error?: string }>((resolve) => replies.set(id, resolve));
        const gone = exited.then((how) => {
          throw new AppError('unavailable', `${module} ${command}: the process ${how}`, { retryable: true });
        });
        if (child.connected) child.send({ id, command, payload });
        const { error } = await Promise.race([reply, gone, onAbort.promise]);
        if (error !== undefined) throw new AppError('tool_failed', `${module} ${command}: ${error}`);
      } finally {
        signal.removeEventListener('abort', cancel);
        replies.delete(id);
      }
    },
  };
}

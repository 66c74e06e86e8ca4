import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { installationPaths } from '@carapulse/carapulse/composition';
import { createClient, type Client } from '@carapulse/client-http';
import { AppError, type AppErrorCode } from '@carapulse/kernel';
import type { Arming, FromWorker } from './assistant-worker.ts';
import { homeOf } from './home-of.ts';
import { SHORT_LIVED } from './short-lived.ts';

/** Carapulse in a process of its own that can be told where to die. */
export interface Assistant {
  readonly url: string;
  readonly pid: number;
  as(identity: string): Client;
  token(identity: string): Promise<string>;
  /** Raises `signal` in the process at its `at`-th durable write from now on; null only counts. */
  arm(at: number | null, signal?: Arming['signal']): Promise<void>;
  writes(): Promise<number>;
  /** Resolves when the process has ended, with the signal that ended it. */
  readonly ended: Promise<NodeJS.Signals | null>;
  signal(name: NodeJS.Signals): void;
  stop(): Promise<void>;
}

const WORKER = join(import.meta.dirname, 'assistant-worker.ts');
const running = new Set<ChildProcess>();

/**
 * With `user`, as that user, who must own the directory's parent.
 * @throws AppError with the code and text that the composition failed with.
 */
export async function startAssistant(directory: string, config: object, user?: number): Promise<Assistant> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (user !== undefined) chownSync(directory, user, user);
  const child = fork(WORKER, [directory, JSON.stringify(config)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: [...SHORT_LIVED],
    ...(user !== undefined && { uid: user, gid: user, env: { ...process.env, HOME: homeOf(user) } }),
  });
  running.add(child);
  const ended = new Promise<NodeJS.Signals | null>((resolve) =>
    child.once('exit', (_code, signal) => {
      running.delete(child);
      resolve(signal);
    }),
  );
  const first = await Promise.race([next(child), ended]);
  if (first === null || typeof first === 'string')
    throw new Error(`The worker ended before it was ready: ${first}`);
  if (first.kind === 'failed') {
    await ended;
    throw new AppError(first.code as AppErrorCode, first.message);
  }
  if (first.kind !== 'ready') throw new Error(`The worker began with ${first.kind}.`);
  const token = (identity: string): Promise<string> =>
    readFile(join(installationPaths(directory).identities, `${identity}.token`), 'utf8');
  const ask = async (message: object): Promise<FromWorker> => {
    const answer = next(child);
    child.send(message);
    return answer;
  };
  return {
    url: first.url,
    pid: child.pid ?? 0,
    token,
    as: (identity) => createClient({ baseUrl: first.url, token: () => token(identity) }),
    arm: async (at, signal = 'SIGKILL') => void (await ask({ kind: 'arm', at, signal })),
    writes: async () => {
      const answer = await ask({ kind: 'count' });
      if (answer.kind !== 'counted') throw new Error(`The worker answered with ${answer.kind}.`);
      return answer.writes;
    },
    ended,
    signal: (name) => void child.kill(name),
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Ends whatever a failed test left running. */
export async function endAssistants(): Promise<void> {
  await Promise.all(
    [...running].map(async (child) => {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }),
  );
}

async function next(child: ChildProcess): Promise<FromWorker> {
  const [message] = (await once(child, 'message')) as [FromWorker];
  return message;
}

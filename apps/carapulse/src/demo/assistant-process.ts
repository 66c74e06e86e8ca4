import { spawn, type ChildProcess } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient, type Client } from '@carapulse/client-http';
import { AppError } from '@carapulse/kernel';
import { installationPaths } from '../installation/installation-paths.ts';

const MAIN = join(import.meta.dirname, '..', 'main.ts');

/** Carapulse as a process of its own, as `carapulse up` starts it, and the way to talk to it. */
export interface AssistantProcess {
  readonly url: string;
  readonly pid: number;
  /** A client that acts as one of the local identities. */
  as(identity: string): Client;
  /** Ends it the way a power cut would. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts it and waits until it is ready. It ends with this process, however this one ends.
 * @throws AppError `unavailable` with what it said when it did not become ready.
 */
export async function startAssistant(
  directory: string,
  config: object,
  signal: AbortSignal,
): Promise<AssistantProcess> {
  const paths = installationPaths(directory);
  const file = join(directory, 'carapulse.yaml');
  await writeFile(file, JSON.stringify(config, null, 2));
  const log = openSync(paths.log, 'a');
  const child = spawn(
    process.execPath,
    [...process.execArgv, MAIN, 'up', '--directory', directory, '--config', file],
    {
      stdio: ['ignore', log, log, 'ipc'],
    },
  );
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await ready(child, ended, paths.log, signal);
  const { url } = JSON.parse(await readFile(paths.endpoint, 'utf8')) as { url: string };
  const end = async (name: NodeJS.Signals): Promise<void> => {
    child.kill(name);
    await ended;
  };
  return {
    url,
    pid: child.pid ?? 0,
    as: (identity) =>
      createClient({
        baseUrl: url,
        token: () => readFile(join(paths.identities, `${identity}.token`), 'utf8'),
      }),
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
  };
}

async function ready(
  child: ChildProcess,
  ended: Promise<void>,
  log: string,
  signal: AbortSignal,
): Promise<void> {
  const outcome = await new Promise<'ready' | 'ended' | 'cancelled'>((resolve) => {
    child.once('message', () => resolve('ready'));
    signal.addEventListener('abort', () => resolve('cancelled'), { once: true });
    void ended.then(() => resolve('ended'));
  });
  if (outcome === 'ready') return;
  child.kill('SIGKILL');
  if (outcome === 'cancelled') throw new AppError('cancelled', 'The start was cancelled.');
  const lines = readFileSync(log, 'utf8').trim().split('\n');
  const said =
    lines.findLast((line) => line.startsWith('carapulse: '))?.slice('carapulse: '.length) ??
    lines.at(-1) ??
    '';
  throw new AppError('unavailable', `Carapulse did not start: ${said} (its log: ${log})`);
}

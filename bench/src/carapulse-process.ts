// Owner: one bench. Boundary: a `carapulse up` as a user starts it, reached over HTTP and seen through /proc.
// 1. When `stop` has resolved, the process is gone.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient, type Client } from '@carapulse/client-http';
import { AppError } from '@carapulse/kernel';

const MAIN = join(import.meta.dirname, '..', '..', 'apps', 'carapulse', 'src', 'main.ts');

export interface MeasuredProcess {
  /** From before it was spawned until it said that it is ready. */
  readonly readyMs: number;
  readonly message: unknown;
  memoryMb(): { readonly resident: number; readonly peak: number };
  /** Processor time used so far, user and system. */
  cpuMs(): number;
  stop(): Promise<void>;
}

/** Starts a script and waits for its first message. @throws AppError `unavailable` with the end of its output. */
export async function startMeasured(
  script: string,
  args: readonly string[],
  log: string,
): Promise<MeasuredProcess> {
  const startedAt = performance.now();
  const output = openSync(log, 'a');
  const child = fork(script, args, { stdio: ['ignore', output, output, 'ipc'] });
  closeSync(output);
  const ended = once(child, 'exit');
  const first = await Promise.race([once(child, 'message'), ended.then(() => null)]);
  const readyMs = performance.now() - startedAt;
  if (first === null) {
    const said = readFileSync(log, 'utf8').trim().split('\n').slice(-3).join('\n');
    throw new AppError('internal', `${script} did not become ready:\n${said}`);
  }
  const ofProc = (name: string): string => readFileSync(`/proc/${child.pid}/${name}`, 'utf8');
  return {
    readyMs,
    message: first[0] as unknown,
    memoryMb: () => ({
      resident: kilobytes(ofProc('status'), 'VmRSS'),
      peak: kilobytes(ofProc('status'), 'VmHWM'),
    }),
    cpuMs: () => {
      const fields = ofProc('stat').split(') ').at(-1)?.split(' ') ?? [];
      return (Number(fields[11]) + Number(fields[12])) * 10;
    },
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

function kilobytes(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
}

export interface CarapulseProcess extends MeasuredProcess {
  readonly url: string;
  token(identity: string): Promise<string>;
  as(identity: string): Client;
}

/** `carapulse up` on a free port. `configFile` may be null for the defaults. */
export async function startCarapulse(
  directory: string,
  configFile: string | null,
): Promise<CarapulseProcess> {
  const args = ['up', '--directory', directory, '--port', '0'];
  const measured = await startMeasured(
    MAIN,
    configFile === null ? args : [...args, '--config', configFile],
    `${directory}.log`,
  );
  const { url } = JSON.parse(await readFile(join(directory, 'endpoint.json'), 'utf8')) as { url: string };
  const token = async (identity: string): Promise<string> =>
    (await readFile(join(directory, 'identities', `${identity}.token`), 'utf8')).trim();
  return {
    ...measured,
    url,
    token,
    as: (identity) => createClient({ baseUrl: url, token: () => token(identity) }),
  };
}

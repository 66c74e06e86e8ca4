// Owner: the `start` that holds a server. Boundary: a lock of the kernel, and running.json in the server's directory.
// 1. A directory has at most one holder, decided by the lock, which the kernel gives back when its holder dies.
// 2. The file names the holder by pid and start time, so that a reused number is never signalled; one whose holder is
//    dead counts for nothing.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { AppError } from '@carapulse/kernel';

export interface Holder {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, in clock ticks since boot. */
  readonly started: string;
}

const NAME = 'running.json';
const locks = new Map<string, Server>();

/**
 * Makes the directory anew for this process.
 * @throws AppError `conflict` when another process holds it, or another start is about to.
 */
export async function holdDirectory(directory: string, server: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const lock = await takeLock(directory);
  if (lock === null) {
    const holder = await liveHolder(directory);
    const by = holder === null ? 'by a start at this moment' : `by process ${holder.pid}`;
    throw new AppError(
      'conflict',
      `${server} already runs (held ${by}); stop it with \`npm run testbed -- stop ${server}\``,
    );
  }
  locks.set(directory, lock);
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const mine: Holder = { pid: process.pid, started: await startTime(process.pid) };
  await writeFile(join(directory, NAME), JSON.stringify(mine), { flag: 'wx' });
}

/** A name without a file that one process at a time may listen on (unix(7), abstract sockets); null when it is taken. */
async function takeLock(directory: string): Promise<Server | null> {
  const name = createHash('sha256')
    .update(await realpath(directory))
    .digest('hex');
  const server = createServer().unref();
  try {
    await once(server.listen(`\0carapulse-testbed-${name}`), 'listening');
    return server;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return null;
    throw error;
  }
}

/** Leaves the logs and the data for whoever wants to look. */
export async function releaseDirectory(directory: string): Promise<void> {
  await rm(join(directory, NAME), { force: true });
  locks.get(directory)?.close();
  locks.delete(directory);
}

/** Null when nothing runs there. */
export async function liveHolder(directory: string): Promise<Holder | null> {
  const text = await readFile(join(directory, NAME), 'utf8').catch(() => null);
  if (text === null) return null;
  const holder = JSON.parse(text) as Holder;
  return (await startTime(holder.pid)) === holder.started ? holder : null;
}

/** Empty when there is no such process or only its zombie. */
async function startTime(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' ? '' : (fields[18] ?? '');
}

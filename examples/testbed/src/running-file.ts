// Owner: the `start` that holds a server. Boundary: running.json in the server's directory.
// 1. A directory has at most one live holder; a file whose holder is dead counts for nothing.
// 2. It names the holder by pid and start time, so that a reused number is never signalled.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@carapulse/kernel';

export interface Holder {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, in clock ticks since boot. */
  readonly started: string;
}

const NAME = 'running.json';

/**
 * Makes the directory anew for this process.
 * @throws AppError `conflict` when a live process holds it.
 */
export async function holdDirectory(directory: string, server: string): Promise<void> {
  const holder = await liveHolder(directory);
  if (holder !== null) {
    throw new AppError(
      'conflict',
      `${server} already runs (held by process ${holder.pid}); stop it with \`npm run testbed -- stop ${server}\``,
    );
  }
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const mine: Holder = { pid: process.pid, started: await startTime(process.pid) };
  await writeFile(join(directory, NAME), JSON.stringify(mine), { flag: 'wx' });
}

/** Leaves the logs and the data for whoever wants to look. */
export async function releaseDirectory(directory: string): Promise<void> {
  await rm(join(directory, NAME), { force: true });
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

// Owner: the production process that runs in the directory. Boundary: production.json, by which others find it.
// 1. At most one live production per directory: the file is created exclusively, and a dead one's is replaced.
// 2. It holds the control token, so only its user may read it.
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@carapulse/kernel';
import { processStartTime } from './process-identity.ts';
import type { ProductionEndpoints } from './production.ts';

export interface ProductionState {
  readonly pid: number;
  /** Start time of that pid from /proc, so that a reused number is not taken for it. */
  readonly started: string;
  /** Null while it starts. */
  readonly running: {
    readonly repository: string;
    readonly endpoints: ProductionEndpoints;
    readonly controlToken: string;
  } | null;
}

const NAME = 'production.json';

/**
 * Takes the directory for this process.
 * @throws AppError `conflict` when a live production has it.
 */
export async function claimDirectory(directory: string): Promise<void> {
  const mine: ProductionState = {
    pid: process.pid,
    started: await processStartTime(process.pid),
    running: null,
  };
  for (let attempt = 0; ; attempt += 1) {
    try {
      await writeFile(join(directory, NAME), JSON.stringify(mine), { flag: 'wx', mode: 0o600 });
      return;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST') || attempt > 0) throw error;
    }
    const other = await readState(directory);
    if (other !== null && (await isAlive(other))) {
      throw new AppError(
        'conflict',
        `A production already runs in ${directory} (process ${other.pid}); stop it, or choose another directory`,
      );
    }
    await rm(join(directory, NAME), { force: true });
  }
}

export async function publishState(
  directory: string,
  running: NonNullable<ProductionState['running']>,
): Promise<void> {
  const state: ProductionState = { pid: process.pid, started: await processStartTime(process.pid), running };
  const next = join(directory, `${NAME}.next`);
  await writeFile(next, JSON.stringify(state, null, 2), { mode: 0o600 });
  await rename(next, join(directory, NAME));
}

export async function releaseDirectory(directory: string): Promise<void> {
  await rm(join(directory, NAME), { force: true });
}

/** The state of the production that runs in `directory`; null when none is alive there. */
export async function readLiveState(directory: string): Promise<ProductionState | null> {
  const state = await readState(directory);
  return state !== null && (await isAlive(state)) ? state : null;
}

async function readState(directory: string): Promise<ProductionState | null> {
  try {
    return JSON.parse(await readFile(join(directory, NAME), 'utf8')) as ProductionState; // written above
  } catch {
    return null;
  }
}

async function isAlive(state: ProductionState): Promise<boolean> {
  const started = await processStartTime(state.pid);
  return started !== '' && started === state.started;
}

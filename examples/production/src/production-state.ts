// Owner: the production process that runs in the directory. Boundary: production.json, by which others find it.
// 1. At most one live production per directory: the file appears whole and exclusively, and a dead one's is replaced.
//    Of two that replace it in one moment, publishState refuses the one that lost.
// 2. It holds the control token, so only its user may read it.
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
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
  const next = join(directory, `${NAME}.${process.pid}`);
  await writeFile(next, JSON.stringify(mine), { mode: 0o600 });
  try {
    const other = await readState(directory);
    if (other !== null && (await isAlive(other))) throw taken(directory, other.pid);
    await rm(join(directory, NAME), { force: true });
    await link(next, join(directory, NAME));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    throw taken(directory, (await readState(directory))?.pid);
  } finally {
    await rm(next, { force: true });
  }
}

const taken = (directory: string, pid: number | undefined): AppError =>
  new AppError(
    'conflict',
    `A production already runs in ${directory} (process ${pid ?? 'unknown'}); stop it, or choose another directory`,
  );

/**
 * Tells others how to reach this production.
 * @throws AppError `conflict` when another took the directory in the same moment.
 */
export async function publishState(
  directory: string,
  running: NonNullable<ProductionState['running']>,
): Promise<void> {
  if (!(await isMine(directory))) throw taken(directory, (await readState(directory))?.pid);
  const state: ProductionState = { pid: process.pid, started: await processStartTime(process.pid), running };
  const next = join(directory, `${NAME}.next`);
  await writeFile(next, JSON.stringify(state, null, 2), { mode: 0o600 });
  await rename(next, join(directory, NAME));
}

export async function releaseDirectory(directory: string): Promise<void> {
  if (await isMine(directory)) await rm(join(directory, NAME), { force: true });
}

async function isMine(directory: string): Promise<boolean> {
  return (await readState(directory))?.pid === process.pid;
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

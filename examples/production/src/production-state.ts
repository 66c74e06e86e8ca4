// Owner: the production process that runs in the directory. Boundary: production.json, by which others find it.
// 1. At most one live production per directory: whoever has the kernel's lock on production.lock. The file only tells
//    how to reach it, and appears whole.
// 2. It holds the control token, so only its user may read it.
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
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
const SQLITE_BUSY = 5;

/** The directory's lock while this process has it. */
let held: DatabaseSync | null = null;

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
  held = lock(directory) ?? refuse(directory, (await readState(directory))?.pid);
  const next = join(directory, `${NAME}.${process.pid}`);
  await writeFile(next, JSON.stringify(mine), { mode: 0o600 });
  await rename(next, join(directory, NAME));
}

/** The kernel's lock on a file of the directory, or null when another process has it. It goes with its holder. */
function lock(directory: string): DatabaseSync | null {
  // Nothing is stored: Node offers no other lock that the kernel releases with the process.
  const file = new DatabaseSync(join(directory, 'production.lock'));
  try {
    file.exec('BEGIN EXCLUSIVE');
    return file;
  } catch (error) {
    file.close();
    if ((error as { readonly errcode?: unknown }).errcode === SQLITE_BUSY) return null;
    throw error;
  }
}

function refuse(directory: string, pid: number | undefined): never {
  throw taken(directory, pid);
}

const taken = (directory: string, pid: number | undefined): AppError =>
  new AppError(
    'conflict',
    `A production already runs in ${directory} (process ${pid ?? 'unknown'}); stop it, or choose another directory`,
  );

/** Tells others how to reach this production. */
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
  if (held === null) return;
  await rm(join(directory, NAME), { force: true });
  held.close();
  held = null;
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

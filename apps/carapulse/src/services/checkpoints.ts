import { stat } from 'node:fs/promises';
import { createCheckpointer, runCheckpointer, type Checkpointer } from '@carapulse/audit';
import { toAppError } from '@carapulse/kernel';
import { createCheckpointFile } from '@carapulse/objects-fs';
import type { Store } from '@carapulse/operations';
import { lockDirectory, type DirectoryLock } from '@carapulse/store-postgres';
import type { Installation } from '../installation/open-installation.ts';
import type { StartOptions } from './start-options.ts';

const LOOK_MS = 1000;
const LATE_MS = 5000;

/**
 * Vouches for the audit chain outside the database, at least each second while it grows. Of the processes that share
 * the directory one writes, by a lock that goes with it; the others see that it does, and one of them comes after it.
 */
export function startCheckpoints(
  options: StartOptions,
  installation: Installation,
  store: Store,
  signal: AbortSignal,
) {
  const { clock, sleep, logger } = options;
  const { paths } = installation;
  let fault: string | null = null;
  let writing: Checkpointer | null = null;
  /** Since when the chain has grown and nobody has vouched for it. */
  let lateSinceMs: number | null = null;

  const take = (): DirectoryLock | null => {
    try {
      return lockDirectory(paths.checkpointing, { subject: 'writing of checkpoints', instead: '' });
    } catch (error) {
      if (toAppError(error).code === 'conflict') return null;
      throw error;
    }
  };
  const write = async (lock: DirectoryLock): Promise<void> => {
    writing = createCheckpointer({
      key: installation.auditKey,
      source: {
        head: () => store.read.auditHead(),
        macAt: async (seq) => (await store.read.audit(null, seq - 1, 1))[0]?.mac ?? null,
      },
      signer: installation.checkpointKey,
      store: createCheckpointFile(paths.checkpoints),
      clock,
    });
    try {
      await runCheckpointer(writing, {
        sleep,
        signal,
        finalSignal: AbortSignal.timeout(2_147_483_647),
        onError,
      });
    } finally {
      lock.release();
    }
  };
  const onError = (error: unknown): void => {
    fault = toAppError(error).message;
    logger.error('no checkpoint could be written', { cause: fault });
  };
  const follow = watchOther(store, paths.checkpoints);
  const run = async (): Promise<void> => {
    for (;;) {
      try {
        const lock = take();
        if (lock !== null) return await write(lock);
        if (signal.aborted) return;
        lateSinceMs = (await follow()) ? null : (lateSinceMs ?? clock.monotonicMs());
      } catch (error) {
        if (signal.aborted) return;
        lateSinceMs ??= clock.monotonicMs();
        onError(error);
      }
      await sleep(LOOK_MS, signal).catch(() => {});
    }
  };
  const ok = (): boolean => {
    if (writing === null) return lateSinceMs === null || clock.monotonicMs() - lateSinceMs < LATE_MS;
    return fault === null || (writing.exposureMs() ?? Number.POSITIVE_INFINITY) < LATE_MS;
  };
  return {
    done: run(),
    ok,
    detail: () => {
      if (fault !== null && !ok()) return fault;
      if (writing !== null)
        return `records are unprotected for at most ${Math.round(writing.exposureMs() ?? 0)} ms`;
      if (lateSinceMs === null) return 'written by another process of the installation';
      return `another process is to write them, and has not for ${Math.round(clock.monotonicMs() - lateSinceMs)} ms`;
    },
  };
}

/** Says, at each look, whether the file of checkpoints has grown since the chain did. */
function watchOther(store: Store, path: string): () => Promise<boolean> {
  let seen = { seq: 0, mtimeMs: -1 };
  return async () => {
    const { seq } = await store.read.auditHead();
    const mtimeMs = await stat(path).then(
      (file) => file.mtimeMs,
      () => 0,
    );
    if (seq > seen.seq && mtimeMs === seen.mtimeMs) return false;
    seen = { seq, mtimeMs };
    return true;
  };
}

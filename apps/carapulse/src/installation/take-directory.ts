import { lockDirectory, shareDirectory, type DirectoryLock } from '@carapulse/store-postgres';
import { toAppError } from '@carapulse/kernel';

/** Longer than a process takes from its start until it lets others in. */
const WAIT_MS = 20_000;
const ALONE = { subject: 'installation', instead: 'or use another directory (--directory)' };
const SHARED = {
  subject: 'installation',
  instead: 'or use another directory (--directory); several processes share one only on a PostgreSQL server',
};

/** A directory that this process has, alone until it lets others in. */
export interface TakenDirectory {
  /** Nobody else has it: what ended processes left may be removed, what is missing made. */
  readonly first: boolean;
  /** Lets other processes of the installation in, where they may come. */
  letIn(): void;
  release(): void;
}

/**
 * Takes the installation's directory: with the embedded database for this process alone, on a server together with
 * others. @throws AppError `conflict` naming who has it.
 */
export function takeDirectory(directory: string, mayShare: boolean): TakenDirectory {
  let lock: DirectoryLock;
  let first = true;
  try {
    lock = lockDirectory(directory, mayShare ? SHARED : ALONE);
  } catch (error) {
    if (!mayShare || toAppError(error).code !== 'conflict') throw error;
    lock = shareDirectory(directory, SHARED, WAIT_MS);
    first = false;
  }
  return {
    first,
    letIn: () => {
      if (!mayShare || !first) return;
      lock.release();
      lock = shareDirectory(directory, SHARED, WAIT_MS);
    },
    release: () => lock.release(),
  };
}

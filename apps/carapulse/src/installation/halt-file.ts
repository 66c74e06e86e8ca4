import { existsSync, readFileSync, statSync, watch, type FSWatcher } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { HaltControl } from '@carapulse/operations';
import type { HaltState } from '@carapulse/tools';
import { z } from 'zod';
import { writeSecretFile } from './secret-file.ts';

const HaltFile = z.array(
  z.strictObject({ scope: z.string(), reason: z.string(), by: z.string(), at: z.string() }),
);
const POLL_MS = 200;

/**
 * The halt switch as a file: works without database, policy and gateway, and survives restarts. Owner: the tool
 * router; also turned by `carapulse halt` from another process. Invariants:
 * 1. `state` reads the file's present content, never only a memory of it.
 * 2. A file that can't be read or parsed halts everything.
 * 3. `signal` aborts within 200 ms of the file's change, whoever wrote it.
 * 4. A halt that cannot be written whole, as on a full disk, halts everything.
 * 5. Turns of one process follow each other, so that none undoes another.
 */
export interface HaltFile extends HaltControl {
  close(): void;
}

export function openHaltFile(path: string): HaltFile {
  let stamp = '';
  let entries: readonly HaltState[] = [];
  const controllers = new Map<string, AbortController>();
  const read = (): readonly HaltState[] => {
    const now = stampOf(path);
    if (now !== stamp) {
      stamp = now;
      entries = now === 'absent' ? [] : parse(path);
    }
    return entries;
  };
  const announce = (): void => {
    for (const [environment, controller] of controllers) {
      const state = matching(read(), environment);
      if (state === null) continue;
      controllers.delete(environment);
      controller.abort(state);
    }
  };
  const timer = setInterval(announce, POLL_MS);
  timer.unref();
  const watcher = watchDirectory(path, announce);
  let turning: Promise<unknown> = Promise.resolve();
  const turn = <T>(work: () => Promise<T>): Promise<T> => {
    const turned = turning.then(work);
    turning = turned.catch(() => {});
    return turned;
  };
  const save = async (next: readonly HaltState[]): Promise<void> => {
    await writeSecretFile(path, `${JSON.stringify(next, null, 2)}\n`);
    announce();
  };
  return {
    state: ({ environment }) => matching(read(), environment),
    signal: ({ environment }) => {
      const state = matching(read(), environment);
      if (state !== null) return AbortSignal.abort(state);
      const controller = controllers.get(environment) ?? new AbortController();
      controllers.set(environment, controller);
      return controller.signal;
    },
    halt: (scope, reason, by, at) =>
      turn(async () => {
        try {
          await save([...read().filter((entry) => entry.scope !== scope), { scope, reason, by, at }]);
        } catch {
          // An empty file needs no room on a full disk, and halts everything.
          await writeFile(path, '', { mode: 0o600 });
          announce();
        }
      }),
    resume: (scope) =>
      turn(async () => {
        const before = read();
        const after = before.filter((entry) => entry.scope !== scope);
        if (after.length === before.length) return false;
        await save(after);
        return true;
      }),
    list: read,
    close: () => {
      clearInterval(timer);
      watcher?.close();
    },
  };
}

function matching(entries: readonly HaltState[], environment: string): HaltState | null {
  return entries.find((entry) => entry.scope === '*' || entry.scope === environment) ?? null;
}

function parse(path: string): readonly HaltState[] {
  try {
    return HaltFile.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    return [
      {
        scope: '*',
        reason: `${path} cannot be read: ${(error as Error).message}`,
        by: 'carapulse',
        at: new Date(0).toISOString(),
      },
    ];
  }
}

function stampOf(path: string): string {
  try {
    const { mtimeNs, size, ino } = statSync(path, { bigint: true });
    return `${ino}/${mtimeNs}/${size}`;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
      ? 'absent'
      : `unreadable: ${(error as Error).message}`;
  }
}

/** Faster than the poll where the file system tells of changes; the poll is what counts. */
function watchDirectory(path: string, changed: () => void): FSWatcher | null {
  if (!existsSync(dirname(path))) return null;
  try {
    const watcher = watch(dirname(path), { persistent: false }, changed);
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return null;
  }
}

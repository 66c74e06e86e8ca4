import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, watch, type FSWatcher } from 'node:fs';
import { open, rename, unlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { AppError, parseInput } from '@carapulse/kernel';
import type { HaltControl } from '@carapulse/operations';
import { HaltScope, type HaltState } from '@carapulse/tools';
import { z } from 'zod';

const Halt = z.strictObject({ scope: z.string(), reason: z.string(), by: z.string(), at: z.string() });
const POLL_MS = 200;
/** The directory keeps others out; whoever runs the server must read what root halted. */
const MODE = 0o644;

/**
 * The halt switch of an installation as files: works without database, policy and gateway, and survives restarts.
 * Owner: whoever may write below the installation's root; `halts/` and an older version's `halt.json` there.
 * 1. `state` reads the files' present content, never only a memory of it.
 * 2. A file that can't be read or parsed halts everything, whatever its name, unless that begins with a dot.
 * 3. `signal` aborts within 200 ms of a change, whoever made it.
 * 4. A halt that cannot be written whole, as on a full disk, halts everything.
 * 5. A scope is one file, put there and removed whole: no turn, of whichever process, undoes another scope's.
 */
export interface HaltDirectory extends HaltControl {
  close(): void;
}

/** Makes `halts/` below `root`; where it can't, that is told by the first halt. */
export function openHaltDirectory(root: string): HaltDirectory {
  const directory = join(root, 'halts');
  const old = join(root, 'halt.json');
  const fileOf = (scope: string): string => join(directory, scope === '*' ? '_all.json' : `${scope}.json`);
  const list = (): readonly HaltState[] => [...readDirectory(directory, fileOf), ...readOld(old)];
  const controllers = new Map<string, AbortController>();
  const announce = (): void => {
    const entries = controllers.size === 0 ? [] : list();
    for (const [environment, controller] of controllers) {
      const state = matching(entries, environment);
      if (state === null) continue;
      controllers.delete(environment);
      controller.abort(state);
    }
  };
  const watcher = watchDirectory(directory, announce);
  const timer = setInterval(announce, POLL_MS);
  timer.unref();
  return {
    list,
    state: ({ environment }) => matching(list(), environment),
    signal: ({ environment }) => {
      const state = matching(list(), environment);
      if (state !== null) return AbortSignal.abort(state);
      const controller = controllers.get(environment) ?? new AbortController();
      controllers.set(environment, controller);
      return controller.signal;
    },
    halt: async (scope, reason, by, at) => {
      if (!HaltScope.safeParse(scope).success)
        throw new AppError(
          'invalid_input',
          `'${scope}' is no scope, so nothing was halted; give * for everything, or the name of an environment.`,
        );
      try {
        await replaceWhole(fileOf(scope), { scope, reason, by, at });
      } catch {
        // An empty file needs no room on a full disk, and halts everything.
        await attempt(fileOf('*'), (path) => writeFile(path, '', { mode: 0o600, flag: 'a' }));
      }
      announce();
    },
    resume: async (scope) => {
      const removed = HaltScope.safeParse(scope).success && (await remove(fileOf(scope)));
      return (await removeOld(old, scope)) || removed;
    },
    close: () => {
      clearInterval(timer);
      watcher?.close();
    },
  };
}

function matching(entries: readonly HaltState[], environment: string): HaltState | null {
  return entries.find((entry) => entry.scope === '*' || entry.scope === environment) ?? null;
}

function readDirectory(directory: string, fileOf: (scope: string) => string): readonly HaltState[] {
  let names: readonly string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    return isAbsent(error) ? [] : [unreadable(directory, error)];
  }
  return names
    .filter((name) => !name.startsWith('.'))
    .toSorted()
    .flatMap((name) => {
      const path = join(directory, name);
      return readWhole(path, (text) => {
        const entry = parseInput(Halt, JSON.parse(text), name);
        if (fileOf(entry.scope) !== path) throw new Error(`it halts ${entry.scope}, another scope`);
        return [entry];
      });
    });
}

/** All scopes in one file, as an older version wrote them. Nothing is added to it any more. */
function readOld(path: string): readonly HaltState[] {
  return readWhole(path, (text) => parseInput(z.array(Halt), JSON.parse(text), basename(path)));
}

async function removeOld(path: string, scope: string): Promise<boolean> {
  const before = readOld(path);
  const after = before.filter((entry) => entry.scope !== scope);
  if (after.length === before.length) return false;
  if (after.length === 0) return remove(path);
  await attempt(path, () => replaceWhole(path, after));
  return true;
}

function readWhole(path: string, parse: (text: string) => readonly HaltState[]): readonly HaltState[] {
  try {
    return parse(readFileSync(path, 'utf8'));
  } catch (error) {
    return isAbsent(error) ? [] : [unreadable(path, error)];
  }
}

function unreadable(path: string, error: unknown): HaltState {
  return {
    scope: '*',
    reason: `${path} cannot be read (${(error as Error).message}); mend it, or let writes run with \`rm '${path}'\``,
    by: 'carapulse',
    at: new Date(0).toISOString(),
  };
}

/** All or nothing, synced, never through a link; hidden until it is whole. */
async function replaceWhole(path: string, content: unknown): Promise<void> {
  const temporary = join(path, '..', `.${basename(path)}.${randomBytes(8).toString('hex')}`);
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.chmod(MODE);
      await file.writeFile(`${JSON.stringify(content, null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw error;
  }
}

async function remove(path: string): Promise<boolean> {
  return attempt(path, async () => {
    try {
      await unlink(path);
      return true;
    } catch (error) {
      if (isAbsent(error)) return false;
      throw error;
    }
  });
}

async function attempt<T>(path: string, work: (path: string) => Promise<T>): Promise<T> {
  try {
    return await work(path);
  } catch (error) {
    throw new AppError(
      'unavailable',
      `Cannot write ${path} (${(error as Error).message}), so nothing was halted or resumed; end Carapulse itself to stop its writes.`,
      { cause: error },
    );
  }
}

function isAbsent(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

/** Faster than the poll where the file system tells of changes; the poll is what counts. */
function watchDirectory(directory: string, changed: () => void): FSWatcher | null {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const watcher = watch(directory, { persistent: false }, changed);
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return null;
  }
}

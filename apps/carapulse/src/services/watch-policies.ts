import { existsSync, readdirSync, watch, type FSWatcher } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { toAppError, type Logger } from '@carapulse/kernel';
import type { OpaPolicy } from '@carapulse/policy-opa';

const SETTLE_MS = 300;

/**
 * Loads the rules anew when something below their directory changes, or another directory or link takes its place, once
 * it has been quiet for a moment. A bundle that doesn't compile is told in the log and the one in force stays.
 * @returns what ends the watch.
 */
export function watchPolicies(
  directory: string,
  policy: Pick<OpaPolicy, 'bundleDigest' | 'reload'>,
  logger: Logger,
): () => void {
  const ending = new AbortController();
  const place = resolve(directory);
  let timer: NodeJS.Timeout | undefined;
  let folders: readonly FSWatcher[] = [];
  const follow = (folder: string, onChange: (name: string | null) => void): FSWatcher =>
    watch(folder, { persistent: false }, (_event, name) => onChange(name)).on('error', unwatched);
  const unwatched = (error: unknown): void =>
    logger.error('the policy directory cannot be watched any more', { cause: String(error) });
  const look = (): void => {
    for (const each of folders) each.close();
    folders = [];
    try {
      folders = foldersOf(place).map((folder) => follow(folder, changed));
    } catch (error) {
      unwatched(error);
    }
  };
  const changed = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      // Before the rules are read, so that what changes while they are is noticed.
      look();
      void reload();
    }, SETTLE_MS);
  };
  const reload = async (): Promise<void> => {
    const before = policy.bundleDigest();
    try {
      const digest = await policy.reload(ending.signal);
      if (digest !== before) logger.info('new policy rules are in force', { digest });
    } catch (error) {
      if (!ending.signal.aborted)
        logger.error('the changed policy rules cannot be used; those before stay in force', {
          cause: toAppError(error).message,
        });
    }
  };
  look();
  const above = existsSync(dirname(place))
    ? follow(dirname(place), (name) => (name === null || name === basename(place)) && changed())
    : null;
  return () => {
    clearTimeout(timer);
    above?.close();
    for (const each of folders) each.close();
    ending.abort();
  };
}

/** The directory and all folders below it, links among them not followed; none when it isn't there. */
function foldersOf(directory: string): readonly string[] {
  if (!existsSync(directory)) return [];
  const below = readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
  return [directory, ...below];
}

import { existsSync, watch } from 'node:fs';
import { toAppError, type Logger } from '@carapulse/kernel';
import type { OpaPolicy } from '@carapulse/policy-opa';

const SETTLE_MS = 300;

/**
 * Loads the rules anew when a file of their directory changes, once it has been quiet for a moment. A bundle that
 * doesn't compile is told in the log and the one in force stays. A directory that isn't there when it starts is not
 * watched. @returns what ends the watch.
 */
export function watchPolicies(directory: string, policy: OpaPolicy, logger: Logger): () => void {
  const ending = new AbortController();
  let timer: NodeJS.Timeout | undefined;
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
  if (!existsSync(directory)) return () => ending.abort();
  const watcher = watch(directory, { persistent: false }, () => {
    clearTimeout(timer);
    timer = setTimeout(() => void reload(), SETTLE_MS);
  });
  watcher.on('error', (error) =>
    logger.error('the policy directory cannot be watched any more', { cause: error.message }),
  );
  return () => {
    clearTimeout(timer);
    watcher.close();
    ending.abort();
  };
}

import type { Logger } from '@carapulse/kernel';
import type { DBOSConfig } from '@dbos-inc/dbos-sdk';

type DbosLogger = NonNullable<DBOSConfig['logger']>;

/** Sends what DBOS has to say to our log, one level lower than it thinks; without a log it is silent. */
export function toDbosLogger(logger: Logger | undefined): DbosLogger {
  const text = (entry: unknown): string => {
    if (entry instanceof Error) return entry.message;
    return typeof entry === 'string' ? entry : JSON.stringify(entry);
  };
  return {
    debug: () => undefined,
    info: (entry) => logger?.debug(text(entry), { source: 'dbos' }),
    warn: (entry) => logger?.info(text(entry), { source: 'dbos' }),
    error: (entry) => logger?.warn(text(entry), { source: 'dbos' }),
  };
}

import type { Logger } from '@carapulse/kernel';
import type { Logger as TemporalLogger, LogMetadata } from '@temporalio/common';
import { DefaultLogger } from '@temporalio/worker';

/** Temporal's log as part of ours: warnings and errors; its other lines are for debugging. */
export function toTemporalLogger(logger: Logger | undefined): TemporalLogger {
  return new DefaultLogger('INFO', ({ level, message, meta }) => {
    const fields = fieldsOf(meta);
    if (level === 'ERROR') logger?.error(`Temporal: ${message}`, fields);
    // The worker of the mailboxes has none, as is meant.
    else if (level === 'WARN' && !message.startsWith('No activities registered'))
      logger?.warn(`Temporal: ${message}`, fields);
    else logger?.debug(`Temporal: ${message}`, fields);
  });
}

function fieldsOf(meta: LogMetadata | undefined): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(meta ?? {})) {
    if (['string', 'number', 'boolean'].includes(typeof value)) fields[name] = value;
    else if (value instanceof Error) fields[name] = String(value);
  }
  return fields;
}

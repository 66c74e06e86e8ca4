import type { Clock, Logger } from '@carapulse/kernel';
import { pino, type Logger as Pino } from 'pino';
import { createRepeats } from './repeats.ts';

const TIME = /"time":"[^"]*",/;

/**
 * Structured log on stderr, or in a file. Every line passes through `redact` before it leaves; one that cannot be
 * written, as on a full disk, is lost: logging ends nothing. One that says the same as another within a minute is left
 * out; the next that isn't has the number of those as `repeated`.
 */
export function createLogger(options: {
  readonly level: string;
  readonly format: 'json' | 'text';
  readonly redact: (value: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>;
  readonly write: (line: string) => void;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}): Logger {
  const repeats = createRepeats(options.clock);
  const destination = {
    write: (line: string) => {
      const left = repeats(line.replace(TIME, ''));
      if (left === null) return;
      const told = left === 0 ? line : `${line.trimEnd().slice(0, -1)},"repeated":${left}}\n`;
      try {
        options.write(options.format === 'json' ? told : textLine(told));
      } catch {
        // Whoever logs an error must get to what it does about it.
      }
    },
  };
  const root = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
    },
    destination,
  );
  return wrap(root, options.redact);
}

function wrap(
  logger: Pino,
  redact: (value: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>,
): Logger {
  const at =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
      const { msg, ...clean } = redact({ ...fields, msg: message });
      logger[level](clean, String(msg));
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => wrap(logger.child(redact(fields)), redact),
  };
}

function textLine(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const rest = Object.entries(fields).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return `${String(time)} ${String(level).padEnd(5)} ${String(msg)}${rest.length > 0 ? ` ${rest.join(' ')}` : ''}\n`;
}

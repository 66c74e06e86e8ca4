import type { Config } from '@carapulse/configuration';
import { sleep, SYSTEM_CLOCK, SYSTEM_RANDOM } from './clock.ts';
import { createLearningRedactor } from './learning-redactor.ts';
import { createLogger } from './logger.ts';
import type { StartOptions } from './start-options.ts';

export const VERSION = '0.1.0';

/** Redactor, log and clock of one process. `write` is where log lines go. */
export function createRuntime(
  config: Config,
  write: (line: string) => void,
): Omit<StartOptions, 'directory' | 'config'> {
  const redactor = createLearningRedactor(secretsOfEnvironment());
  const logger = createLogger({
    level: process.env['LOG_LEVEL'] ?? config.telemetry.log_level,
    format: (process.env['LOG_FORMAT'] ?? config.telemetry.log_format) === 'text' ? 'text' : 'json',
    redact: (value) => redactor.redactJson(value) as Readonly<Record<string, unknown>>,
    write,
    clock: SYSTEM_CLOCK,
  });
  return { clock: SYSTEM_CLOCK, random: SYSTEM_RANDOM, sleep, redactor, logger, version: VERSION };
}

/** Values of variables whose names say that they are secret. */
function secretsOfEnvironment(): readonly string[] {
  return Object.entries(process.env)
    .filter(
      ([name, value]) =>
        /(TOKEN|SECRET|PASSWORD|PASSWD|API_KEY|PRIVATE_KEY)$/i.test(name) && (value?.length ?? 0) >= 8,
    )
    .map(([, value]) => value ?? '');
}

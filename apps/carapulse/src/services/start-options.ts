import type { Config } from '@carapulse/configuration';
import type { Clock, Logger, Random } from '@carapulse/kernel';
import type { Services } from '@carapulse/operations';
import type { DatabaseOptions } from '@carapulse/store-postgres';
import type { LearningRedactor } from './learning-redactor.ts';

/** What one process of the assistant is started with. */
export interface StartOptions {
  readonly directory: string;
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly sleep: Services['sleep'];
  readonly redactor: LearningRedactor;
  readonly logger: Logger;
  readonly version: string;
  /** Hears of each durable write of the embedded database; used by tests that count them. */
  readonly onSync?: Extract<DatabaseOptions, { kind: 'pglite' }>['onSync'];
}

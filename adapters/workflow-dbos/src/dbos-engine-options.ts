import type { Clock, Logger } from '@carapulse/kernel';
import type { ActivityHandler, Machine } from '@carapulse/workflows';
import type { Pool } from 'pg';

export interface DbosEngineOptions {
  /** Stays the caller's: the engine never ends it. Over PGlite its maximum is one client. */
  readonly pool: Pool;
  readonly machines: readonly Machine<unknown>[];
  readonly activities: Readonly<Record<string, ActivityHandler>>;
  readonly clock: Clock;
  readonly logger?: Logger;
  /**
   * How long after its last sign of life a process's runs are taken over by another. Null, the default, for a process
   * that is the only one on its database and knows that by other means: it takes all runs as soon as it recovers.
   */
  readonly leaseMs?: number | null;
  /** How often signals and runs of dead processes are looked for when nothing tells of them. Default 1,000 ms. */
  readonly pollMs?: number;
  /** How long an aborted activity may go on before its outcome is called unknown. Default 10,000 ms. */
  readonly abortGraceMs?: number;
  /** After so many events a snapshot of the run takes the place of its journal. Default 1,000. */
  readonly snapshotEvery?: number;
}

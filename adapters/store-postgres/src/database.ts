import type { Logger } from '@carapulse/kernel';
import { Kysely, PostgresDialect } from 'kysely';
import type pg from 'pg';
import { type NotificationCallback, Notifications } from './notifications.ts';
import { type PgliteOptions, openPglite } from './pglite/open-pglite.ts';
import { type PostgresOptions, openPostgresPool } from './postgres-pool.ts';
import type { Tables } from './tables.ts';

export type DatabaseOptions = (PgliteOptions | PostgresOptions) & { readonly logger?: Logger };

/** A database that keeps what it acknowledged. The same SQL and the same types on both kinds. */
export interface Database {
  readonly kind: 'pglite' | 'postgres';
  readonly db: Kysely<Tables>;
  /**
   * For the workflow engine. The embedded one has a single session: `connect` waits for it, and a client that starts
   * with LISTEN gives it back at once.
   */
  readonly pool: pg.Pool;
  /** Callbacks must not throw and must not wait; a call with '' after a reconnection means "look". */
  listen(channel: string, callback: NotificationCallback): Promise<() => void>;
  notify(channel: string, payload: string): Promise<void>;
  /** Ends every connection; the embedded one writes its checkpoint and lets the directory go. */
  close(): Promise<void>;
}

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => SILENT };

/**
 * Opens the embedded database in a directory, or connects to a server. Does not migrate.
 * @throws AppError `conflict` when another process has the directory; `unavailable` with what to do.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const logger = options.logger ?? SILENT;
  if (options.kind === 'postgres') {
    const pool = await openPostgresPool(options, logger);
    return assemble('postgres', pool, logger, () => pool.end());
  }
  const opened = await openPglite(options);
  // SessionPool has the part of a pool that Kysely, Notifications and the workflow engine use.
  return assemble('pglite', opened.pool as unknown as pg.Pool, logger, () => opened.close());
}

function assemble(
  kind: Database['kind'],
  pool: pg.Pool,
  logger: Logger,
  closeConnections: () => Promise<void>,
): Database {
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  const notifications = new Notifications(pool, logger);
  let closing: Promise<void> | null = null;
  return {
    kind,
    db,
    pool,
    listen: (channel, callback) => notifications.listen(channel, callback),
    async notify(channel, payload) {
      await pool.query('select pg_notify($1, $2)', [channel, payload]);
    },
    close() {
      closing ??= notifications.close().then(closeConnections);
      return closing;
    },
  };
}

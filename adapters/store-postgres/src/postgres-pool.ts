import { hostname } from 'node:os';
import { AppError, type Logger } from '@carapulse/kernel';
import { Pool } from 'pg';
import { VALUE_TYPES } from './value-types.ts';

const OLDEST_SERVER = 150_000;

/** Every session of this process has it, so that all of them can be found and ended. */
export const PROCESS_NAME = `carapulse ${process.pid}@${hostname().replaceAll(/[^\w.-]/g, '-')}`.slice(0, 63);

export interface PostgresOptions {
  readonly kind: 'postgres';
  readonly url: string;
  /** Connections at most, notifications and the workflow engine included; 20 if not given. */
  readonly maxConnections?: number;
}

/**
 * Connects to a server and proves that it can keep what it acknowledges.
 * @throws AppError `unavailable` (retryable when it cannot be reached) with what to do; the password is never in it.
 */
export async function openPostgresPool(options: PostgresOptions, logger: Logger): Promise<Pool> {
  const pool = new Pool({
    connectionString: options.url,
    max: options.maxConnections ?? 20,
    types: VALUE_TYPES,
    application_name: PROCESS_NAME,
    connectionTimeoutMillis: 10_000,
    statement_timeout: 60_000,
    // A session that only listens hears nothing of a way that was cut without a word.
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    idle_in_transaction_session_timeout: 60_000,
    options: '-c timezone=UTC -c synchronous_commit=on',
  });
  const warn = (error: Error): void =>
    logger.warn('a database connection was lost', { error: error.message });
  pool.on('error', warn);
  // Of one in use the pool doesn't hear; unheard, the error would end the process.
  pool.on('connect', (client) => client.on('error', warn));
  try {
    await assertServer(pool);
    return pool;
  } catch (error) {
    await pool.end();
    if (error instanceof AppError) throw error;
    throw new AppError(
      'unavailable',
      `Cannot use the PostgreSQL server at ${withoutSecrets(options.url)}: ${(error as Error).message}. Check DATABASE_URL and that the server runs.`,
      { cause: error, retryable: true },
    );
  }
}

async function assertServer(pool: Pool): Promise<void> {
  const result = await pool.query<{ version: number; fsync: string; pages: string }>(
    "select current_setting('server_version_num')::int as version, current_setting('fsync') as fsync, current_setting('full_page_writes') as pages",
  );
  const row = result.rows[0];
  if (row === undefined) throw new Error('the server did not answer');
  if (row.version < OLDEST_SERVER) {
    throw new AppError(
      'unavailable',
      `PostgreSQL 15 or newer is needed; this server is ${Math.floor(row.version / 10_000)}. Upgrade it or use another.`,
    );
  }
  if (row.fsync !== 'on' || row.pages !== 'on') {
    throw new AppError(
      'unavailable',
      `The PostgreSQL server runs with fsync=${row.fsync} full_page_writes=${row.pages}: it loses acknowledged writes at a power cut. Set both to on.`,
    );
  }
}

function withoutSecrets(url: string): string {
  try {
    const { hostname, port, pathname } = new URL(url);
    return `${hostname}${port === '' ? '' : `:${port}`}${pathname}`;
  } catch {
    return 'the given URL';
  }
}

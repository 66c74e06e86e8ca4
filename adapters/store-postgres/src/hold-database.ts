/**
 * Owner: one process. Boundary: one session of a PostgreSQL server and the advisory lock that it holds.
 * 1. A database has one process at a time; a second one is refused and told of the first.
 * 2. The lock goes with the session: with the process however that ends, and with its machine once the server misses it.
 *    A stopped process keeps it, until somebody ends its session.
 * 3. A session that is lost is made again; if somebody else has the database by then, `lost` says so, once.
 */
import { AppError, type Logger } from '@carapulse/kernel';
import type pg from 'pg';

const LOCK = [0x6361_7261, 0x7075_6c73] as const;
/** How long a predecessor that was just killed may take to be missed. */
const WAIT_MS = 3000;
const RETRY_MS = 1000;
const LOCK_NOT_AVAILABLE = '55P03';

export interface DatabaseHold {
  /** Resolves when another process has the database; never when it is released. */
  readonly lost: Promise<AppError>;
  release(): Promise<void>;
}

/** @throws AppError `conflict` naming who has the database and how to end a session whose process is gone. */
export async function holdDatabase(
  pool: Pick<pg.Pool, 'connect'>,
  logger: Pick<Logger, 'warn' | 'info'>,
  waitMs = WAIT_MS,
): Promise<DatabaseHold> {
  const lost = Promise.withResolvers<AppError>();
  let held: pg.PoolClient | null = null;
  let released = false;
  let timer: NodeJS.Timeout | undefined;
  const take = async (): Promise<pg.PoolClient> => {
    const client = await pool.connect();
    let broken: Error | null = null;
    client.on('error', (error) => {
      broken = error;
      if (held === client) onBroken(client, error);
    });
    try {
      await lock(client, waitMs);
      if (broken !== null) throw broken;
      return client;
    } catch (error) {
      client.release(true);
      throw error;
    }
  };
  const onBroken = (client: pg.PoolClient, error: Error): void => {
    held = null;
    client.release(true);
    logger.warn('the session that holds the database was lost, taking it again', { error: error.message });
    again();
  };
  const again = (): void => {
    timer = setTimeout(() => {
      take().then(
        (client) => {
          if (released) return client.release(true);
          held = client;
          return logger.info('the database is held again');
        },
        (error: unknown) => {
          if (released) return;
          if (error instanceof AppError && error.code === 'conflict') lost.resolve(error);
          else again();
        },
      );
    }, RETRY_MS);
  };
  held = await take();
  return {
    lost: lost.promise,
    release: () => {
      released = true;
      clearTimeout(timer);
      const client = held;
      held = null;
      client?.release(true);
      return Promise.resolve();
    },
  };
}

async function lock(client: pg.PoolClient, waitMs: number): Promise<void> {
  const settings = {
    lock_timeout: `${waitMs}ms`,
    idle_session_timeout: '0',
    // A machine that has gone is missed within a minute.
    tcp_keepalives_idle: '30',
    tcp_keepalives_interval: '10',
    tcp_keepalives_count: '3',
  };
  for (const [name, value] of Object.entries(settings))
    await client.query('select set_config($1, $2, false)', [name, value]);
  try {
    await client.query('select pg_advisory_lock($1, $2)', [...LOCK]);
  } catch (error) {
    if ((error as { code?: unknown }).code !== LOCK_NOT_AVAILABLE) throw error;
    throw await inUse(client);
  }
}

async function inUse(client: pg.PoolClient): Promise<AppError> {
  const { rows } = await client.query<{ name: string; since: string }>(
    `select a.application_name as name, a.backend_start::text as since
     from pg_locks l join pg_stat_activity a on a.pid = l.pid
     where l.locktype = 'advisory' and l.granted and l.classid = $1 and l.objid = $2 and l.objsubid = 2
       and l.database = (select oid from pg_database where datname = current_database())`,
    [...LOCK],
  );
  const { name, since } = rows[0] ?? { name: 'another process', since: 'just now' };
  return new AppError(
    'conflict',
    `The database is in use by ${name} since ${since}. Stop that process, or use another database. If it hangs or ` +
      `can't be reached, end its sessions: ${endSessions(name)}`,
  );
}

function endSessions(name: string): string {
  return `select pg_terminate_backend(pid) from pg_stat_activity where application_name = '${name.replaceAll("'", "''")}';`;
}

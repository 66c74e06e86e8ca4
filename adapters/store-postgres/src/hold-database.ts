/**
 * Owner: one process. Boundary: one session of a PostgreSQL server and the advisory locks that it holds.
 * 1. A database has one installation at a time, of any number of processes; a process of another one is refused and
 *    told of who is there. A build that takes the database for one process alone refuses us, and is refused.
 * 2. The locks go with the session: with the process however that ends, and with its machine once the server misses it.
 *    A stopped process keeps them, until somebody ends its session.
 * 3. A session that is lost is made again; if another installation has the database by then, `lost` says so, once.
 * 4. Which processes are there is told by the numbers that they announced.
 */
import { AppError, sha256Hex, type Logger } from '@carapulse/kernel';
import type pg from 'pg';

/** What the builds before took for themselves alone; shared now. */
const LOCK = [0x6361_7261, 0x7075_6c73] as const;
const INSTALLATION_LOCKS = 0x6361_7269;
/** With the number of a process: held as long as that has the database. */
export const PROCESS_LOCKS = 0x6361_7270;
/** How long a predecessor that was just killed may take to be missed. */
const WAIT_MS = 3000;
const LOOK_MS = 50;
const RETRY_MS = 1000;
const LOCK_NOT_AVAILABLE = '55P03';

export interface DatabaseHold {
  /** Resolves when another installation has the database; never when it is released. */
  readonly lost: Promise<AppError>;
  /** Says to the other processes that the one with this number lives. */
  announce(process: number): Promise<void>;
  release(): Promise<void>;
}

/**
 * Holds the database for a process of the installation, which is any text that no other installation has.
 * @throws AppError `conflict` naming who has the database and how to end a session whose process is gone.
 */
export async function holdDatabase(
  pool: Pick<pg.Pool, 'connect'>,
  installation: string,
  logger: Pick<Logger, 'warn' | 'info'>,
  waitMs = WAIT_MS,
): Promise<DatabaseHold> {
  const lost = Promise.withResolvers<AppError>();
  const ours = lockNumber(installation);
  let held: pg.PoolClient | null = null;
  let announced: number | null = null;
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
      await lock(client, ours, waitMs);
      if (announced !== null) await announce(client, announced);
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
    announce: async (process) => {
      announced = process;
      if (held !== null) await announce(held, process);
    },
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

function lockNumber(installation: string): number {
  return (
    Number.parseInt(
      sha256Hex(installation)
        .replace(/^sha256:/, '')
        .slice(0, 8),
      16,
    ) & 0x7fff_ffff
  );
}

async function announce(client: pg.PoolClient, process: number): Promise<void> {
  await client.query('select pg_advisory_lock_shared($1, $2)', [PROCESS_LOCKS, process]);
}

async function lock(client: pg.PoolClient, ours: number, waitMs: number): Promise<void> {
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
    await client.query('select pg_advisory_lock_shared($1, $2)', [...LOCK]);
  } catch (error) {
    if ((error as { code?: unknown }).code !== LOCK_NOT_AVAILABLE) throw error;
    throw inUse(await strangers(client, ours));
  }
  // Ours first, then the look: of two installations that come at once neither overlooks the other.
  await client.query('select pg_advisory_lock_shared($1, $2)', [INSTALLATION_LOCKS, ours]);
  const untilMs = performance.now() + waitMs;
  for (;;) {
    const others = await strangers(client, ours);
    if (others.length === 0) return;
    if (performance.now() >= untilMs) throw inUse(others);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

interface Holder {
  readonly name: string;
  readonly since: string;
}

/** Who has the database and isn't of this installation: another one, or a build that shares with nobody. */
async function strangers(client: pg.PoolClient, ours: number): Promise<readonly Holder[]> {
  const { rows } = await client.query<Holder>(
    `select distinct a.application_name as name, a.backend_start::text as since
     from pg_locks l join pg_stat_activity a on a.pid = l.pid
     where l.locktype = 'advisory' and l.granted and l.objsubid = 2
       and ((l.classid = $1 and l.objid = $2 and l.mode = 'ExclusiveLock') or (l.classid = $3 and l.objid <> $4))
       and l.database = (select oid from pg_database where datname = current_database())
     order by since`,
    [...LOCK, INSTALLATION_LOCKS, ours],
  );
  return rows;
}

function inUse(holders: readonly Holder[]): AppError {
  const { name, since } = holders[0] ?? { name: 'another process', since: 'just now' };
  return new AppError(
    'conflict',
    `The database is in use by ${name} since ${since}, of another installation. Stop that process, or use another ` +
      'database; processes share a database when they share the very directory of one installation. If it hangs or ' +
      `can't be reached, end its sessions: ${endSessions(name)}`,
  );
}

function endSessions(name: string): string {
  return `select pg_terminate_backend(pid) from pg_stat_activity where application_name = '${name.replaceAll("'", "''")}';`;
}

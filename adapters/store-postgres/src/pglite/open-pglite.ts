import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '@carapulse/kernel';
import { PGlite } from '@electric-sql/pglite';
import { VALUE_TYPES } from '../value-types.ts';
import { readManifest, unpackCluster } from './cluster-archive.ts';
import { lockDirectory } from './directory-lock.ts';
import { SessionPool } from './session-pool.ts';
import { type SyncObserver, SyncedNodeFs } from './synced-node-fs.ts';

const CHECKOUT_TIMEOUT_MS = 30_000;
/** Recovery replays the log of up to `max_wal_size` and writes what it changed. */
const START_ROOM_MB = 100;

/** Without `-F`, which turns fsync off; fsync and not fdatasync, which the build leaves empty. */
const START_PARAMS = [
  ...PGlite.defaultStartParams.filter((parameter) => parameter !== '-F'),
  ...[
    'wal_sync_method=fsync',
    'shared_buffers=16MB',
    'wal_buffers=1MB',
    'temp_buffers=1MB',
    'max_connections=4',
    'max_wal_size=96MB',
    'min_wal_size=32MB',
    'timezone=UTC',
  ].flatMap((setting) => ['-c', setting]),
];

export interface PgliteOptions {
  readonly kind: 'pglite';
  /** The database's own directory; created when it is missing. */
  readonly directory: string;
  /** Hears of each durable write, in the order they happen, before PostgreSQL does. */
  readonly onSync?: SyncObserver;
}

export interface OpenedPglite {
  readonly pool: SessionPool;
  close(): Promise<void>;
}

/**
 * Opens the embedded database, creating it at first.
 * @throws AppError `conflict` when another process has it; `unavailable` when its writes do not reach the disk.
 */
export async function openPglite(options: PgliteOptions): Promise<OpenedPglite> {
  const lock = lockDirectory(options.directory);
  let engine: PGlite | undefined;
  try {
    const cluster = join(options.directory, 'cluster');
    ensureCluster(cluster);
    const fs = new SyncedNodeFs(cluster, options.onSync);
    engine = await startEngine(fs, cluster);
    const opened = engine;
    const pool = await SessionPool.open(opened, {
      types: VALUE_TYPES,
      checkoutTimeoutMs: CHECKOUT_TIMEOUT_MS,
    });
    await assertDurable(pool, fs);
    return {
      pool,
      async close() {
        await pool.end();
        // A panicked engine does not answer, and writes nothing more.
        if (pool.panic === null) await opened.close();
        lock.release();
      },
    };
  } catch (error) {
    await engine?.close();
    lock.release();
    throw error;
  }
}

async function startEngine(fs: SyncedNodeFs, cluster: string): Promise<PGlite> {
  try {
    return await PGlite.create({ fs, startParams: START_PARAMS });
  } catch (error) {
    const { bavail, bsize } = statfsSync(cluster);
    const free = Math.floor((bavail * bsize) / 1024 / 1024);
    const next =
      free < START_ROOM_MB
        ? `Its disk has ${free} MB left, and starting needs ${START_ROOM_MB}; make room and start again.`
        : 'Start again; if it still fails, put the directory back from a copy, or set DATABASE_URL.';
    throw new AppError(
      'unavailable',
      `The embedded database in ${cluster} does not start (${(error as Error).message}). ${next}`,
      { cause: error },
    );
  }
}

function ensureCluster(cluster: string): void {
  const versionFile = join(cluster, 'PG_VERSION');
  if (!existsSync(versionFile)) {
    try {
      unpackCluster(cluster);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
      throw new AppError(
        'unavailable',
        `Cannot create the embedded database in ${cluster}: ${(error as Error).message}. It needs 200 MB that this user may write; what was begun is made anew by the next start.`,
        { cause: error },
      );
    }
    return;
  }
  const found = readFileSync(versionFile, 'utf8').trim();
  const { postgres_major: expected } = readManifest();
  if (found !== String(expected)) {
    throw new AppError(
      'unavailable',
      `The database in ${cluster} was written by PostgreSQL ${found}; this version embeds ${expected}. ` +
        'Dump it with the version that wrote it and restore it into a new directory.',
    );
  }
}

/**
 * Commits an empty logged message and counts what reached the write-ahead log's files.
 * @throws AppError `unavailable` when a commit is not followed by a sync.
 */
export async function assertDurable(
  pool: Pick<SessionPool, 'query'>,
  fs: Pick<SyncedNodeFs, 'walCount'>,
): Promise<void> {
  const before = fs.walCount;
  await pool.query("select pg_logical_emit_message(true, 'carapulse', 'durability check')");
  const settings = await pool.query(
    "select name, setting from pg_settings where name in ('fsync', 'full_page_writes', 'synchronous_commit', 'wal_sync_method') order by name",
  );
  const found = settings.rows
    .map((row: { name: string; setting: string }) => `${row.name}=${row.setting}`)
    .join(' ');
  const wanted = 'fsync=on full_page_writes=on synchronous_commit=on wal_sync_method=fsync';
  if (fs.walCount > before && found === wanted) return;
  throw new AppError(
    'unavailable',
    `The embedded database acknowledges writes that are not on disk (${fs.walCount - before} syncs for a commit; ${found}). ` +
      'It must not be used. Reinstall the pinned version with `npm ci`, or set DATABASE_URL.',
  );
}

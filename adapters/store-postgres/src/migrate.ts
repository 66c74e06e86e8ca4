import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { AppError, sha256Hex } from '@carapulse/kernel';
import type pg from 'pg';

/** Where the repository keeps its migrations. */
export const MIGRATIONS_DIRECTORY = join(import.meta.dirname, '..', '..', '..', 'migrations');

/** Any fixed number will do as long as nothing else in the same database takes it as an advisory lock. */
const LOCK = 7_240_311_520_983;
const FILE = /^(\d{4})_([a-z0-9_]+)\.sql$/;

export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sha256: string;
  readonly sql: string;
}

export interface MigrationResult {
  readonly applied: readonly string[];
  /** Migrations in the database that these files do not have: a newer version ran here. Expand-then-contract allows it. */
  readonly ahead: readonly string[];
}

interface Applied {
  readonly number: number;
  readonly name: string;
  readonly sha256: string;
}

/** Reads `NNNN_name.sql` files, numbered from 0001 without gaps. @throws AppError `internal` naming the bad file. */
export function loadMigrations(directory: string = MIGRATIONS_DIRECTORY): readonly Migration[] {
  return readdirSync(directory)
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file, index) => {
      const match = FILE.exec(file);
      if (match === null) refuse(`${file} in ${directory} is not called NNNN_name.sql`);
      if (Number(match[1]) !== index + 1) {
        refuse(`${file} in ${directory} should have the number ${String(index + 1).padStart(4, '0')}`);
      }
      const sql = readFileSync(join(directory, file), 'utf8');
      return { number: index + 1, name: file, sha256: sha256Hex(sql), sql };
    });
}

/**
 * Applies what is missing, each file in one transaction of its own, one process at a time.
 * @throws AppError `internal` when an applied file has changed or is missing, or one comes before the last applied,
 *   or its SQL fails; nothing of that file is kept.
 */
export async function migrate(pool: pg.Pool, migrations: readonly Migration[]): Promise<MigrationResult> {
  const client = await pool.connect();
  try {
    // The wait is for another process that migrates; it may take longer than an ordinary statement may.
    await client.query('set statement_timeout = 0');
    await client.query('select pg_advisory_lock($1)', [LOCK]);
    try {
      await client.query(
        'create table if not exists schema_migrations (number int primary key, name text not null, sha256 text not null, applied_at timestamptz not null default now())',
      );
      const { rows } = await client.query<Applied>(
        'select number, name, sha256 from schema_migrations order by number',
      );
      const { pending, ahead } = compareMigrations(migrations, rows);
      for (const migration of pending) await apply(client, migration);
      return { applied: pending.map((migration) => migration.name), ahead };
    } finally {
      await client.query('select pg_advisory_unlock($1)', [LOCK]);
      await client.query('reset statement_timeout');
    }
  } finally {
    client.release();
  }
}

/** What `migrate` would apply. @throws AppError as `migrate`. */
export async function pendingMigrations(
  pool: pg.Pool,
  migrations: readonly Migration[],
): Promise<readonly string[]> {
  const known = await pool.query<{ known: boolean }>(
    "select to_regclass('schema_migrations') is not null as known",
  );
  if (known.rows[0]?.known !== true) return migrations.map((migration) => migration.name);
  const { rows } = await pool.query<Applied>(
    'select number, name, sha256 from schema_migrations order by number',
  );
  return compareMigrations(migrations, rows).pending.map((migration) => migration.name);
}

function compareMigrations(
  migrations: readonly Migration[],
  applied: readonly Applied[],
): { pending: readonly Migration[]; ahead: readonly string[] } {
  const last = applied.at(-1)?.number ?? 0;
  const byNumber = new Map(applied.map((row) => [row.number, row]));
  for (const migration of migrations) {
    const row = byNumber.get(migration.number);
    if (row === undefined) {
      if (migration.number < last) {
        refuse(
          `${migration.name} was never applied, yet ${byNumber.get(last)?.name} was: files must be applied in order`,
        );
      }
    } else if (row.name !== migration.name) {
      refuse(`number ${migration.number} was applied as ${row.name}, the file is now ${migration.name}`);
    } else if (row.sha256 !== migration.sha256) {
      refuse(
        `${migration.name} has changed since it was applied (sha256 ${row.sha256}, now ${migration.sha256})`,
      );
    }
  }
  const ours = migrations.length;
  return {
    pending: migrations.filter((migration) => !byNumber.has(migration.number)),
    ahead: applied.filter((row) => row.number > ours).map((row) => row.name),
  };
}

async function apply(client: pg.PoolClient, migration: Migration): Promise<void> {
  await client.query('begin');
  try {
    await client.query(migration.sql);
    await client.query('insert into schema_migrations (number, name, sha256) values ($1, $2, $3)', [
      migration.number,
      migration.name,
      migration.sha256,
    ]);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    const { message, position } = error as Error & { position?: string };
    const line =
      position === undefined ? '' : ` at line ${migration.sql.slice(0, Number(position)).split('\n').length}`;
    throw new AppError(
      'internal',
      `Migration ${migration.name} failed${line}: ${message}. Nothing of it was applied.`,
      { cause: error },
    );
  }
}

function refuse(what: string): never {
  throw new AppError(
    'internal',
    `Migrations do not match the database: ${what}. Restore the original file with git and add a new migration for the change.`,
  );
}

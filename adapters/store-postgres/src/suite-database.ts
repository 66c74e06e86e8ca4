import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Database } from './database.ts';
import { loadMigrations, type Migration, migrate, pendingMigrations } from './migrate.ts';

/** Puts these files, and no others, into the directory and loads it. */
export function migrationFiles(
  directory: string,
  content: Readonly<Record<string, string>>,
): readonly Migration[] {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory);
  for (const [name, sql] of Object.entries(content)) writeFileSync(join(directory, name), sql);
  return loadMigrations(directory);
}

/** Migrations, transactions and notifications, on one database that is emptied before each test. */
export function databaseSuite(open: () => Promise<Database>): void {
  let database: Database;
  let directory: string;

  beforeAll(async () => {
    database = await open();
    directory = mkdtempSync(join(tmpdir(), 'carapulse-migrations-'));
  });
  beforeEach(async () => {
    await database.pool.query('drop schema public cascade; create schema public');
  });
  afterAll(async () => {
    await database.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const files = (content: Readonly<Record<string, string>>) => migrationFiles(directory, content);
  const one = { '0001_a.sql': 'create table a (n int); insert into a values (1);' };
  const two = { ...one, '0002_b.sql': 'alter table a add column m int;' };

  describe('migrate', () => {
    test('the repository’s migrations apply once, in order, and then there is nothing to do', async () => {
      const migrations = loadMigrations();
      expect(await pendingMigrations(database.pool, migrations)).toEqual(migrations.map((file) => file.name));
      const first = await migrate(database.pool, migrations);
      expect(first).toEqual({ applied: migrations.map((file) => file.name), ahead: [] });
      expect(await migrate(database.pool, migrations)).toEqual({ applied: [], ahead: [] });
      expect(await pendingMigrations(database.pool, migrations)).toEqual([]);
    });

    test('processes that migrate at once apply each file once', async () => {
      const results = await Promise.all(Array.from({ length: 4 }, () => migrate(database.pool, files(two))));
      expect(results.flatMap((result) => result.applied).toSorted()).toEqual(['0001_a.sql', '0002_b.sql']);
      expect((await database.pool.query('select * from a')).rows).toEqual([{ n: 1, m: null }]);
    });

    test('a file that changed after it was applied is refused by name, and nothing is applied', async () => {
      await migrate(database.pool, files(one));
      await expect(migrate(database.pool, files({ ...two, '0001_a.sql': 'select 1' }))).rejects.toThrow(
        /0001_a\.sql has changed since it was applied/,
      );
      await expect(migrate(database.pool, files({ '0001_other.sql': 'select 1' }))).rejects.toThrow(
        'number 1 was applied as 0001_a.sql, the file is now 0001_other.sql',
      );
      expect(await pendingMigrations(database.pool, files(two))).toEqual(['0002_b.sql']);
    });

    test('a file that comes before the last applied one is refused', async () => {
      await migrate(database.pool, files(two));
      await database.pool.query('delete from schema_migrations where number = 1');
      await expect(migrate(database.pool, files(two))).rejects.toThrow(
        '0001_a.sql was never applied, yet 0002_b.sql was',
      );
    });

    test('an older version starts on a newer schema and says so', async () => {
      await migrate(database.pool, files(two));
      expect(await migrate(database.pool, files(one))).toEqual({ applied: [], ahead: ['0002_b.sql'] });
    });

    test('a file that fails leaves nothing, names its line, and those before it stay', async () => {
      const broken = { ...one, '0002_b.sql': 'create table b (n int);\ninsert into b values (1);\nselct 1;' };
      await expect(migrate(database.pool, files(broken))).rejects.toThrow(
        /0002_b\.sql failed at line 3: syntax error/,
      );
      const { rows } = await database.pool.query("select to_regclass('a') as a, to_regclass('b') as b");
      expect(rows).toEqual([{ a: 'a', b: null }]);
    });
  });

  describe('pool', () => {
    test('a client that went away in the middle of a transaction leaves none behind', async () => {
      await database.pool.query('create table t (n int)');
      const client = await database.pool.connect();
      await client.query('begin');
      await client.query('insert into t values (1)');
      client.release(true);
      await database.pool.query('insert into t values (2)');
      expect((await database.pool.query('select n from t')).rows).toEqual([{ n: 2 }]);
    });

    test('transactions at once do not mix', async () => {
      await database.pool.query('create table t (n int)');
      const work = Array.from({ length: 10 }, async (_, index) => {
        const client = await database.pool.connect();
        await client.query('begin');
        await client.query('insert into t values ($1)', [index]);
        await client.query(index % 2 === 0 ? 'commit' : 'rollback');
        client.release();
      });
      await Promise.all(work);
      const { rows } = await database.pool.query('select n from t order by n');
      expect(rows.map((row: { n: number }) => row.n)).toEqual([0, 2, 4, 6, 8]);
    });

    test('an error leaves the pool usable', async () => {
      await expect(database.pool.query('select * from nowhere')).rejects.toMatchObject({ code: '42P01' });
      expect((await database.pool.query('select $1::int as n', [1])).rows).toEqual([{ n: 1 }]);
    });

    test('a client that listens keeps nobody waiting and hears only its channels', async () => {
      const client = await database.pool.connect();
      const heard: string[] = [];
      const last = Promise.withResolvers<void>();
      client.on('notification', (message) => {
        heard.push(`${message.channel}:${message.payload}`);
        if (message.payload === 'last') last.resolve();
      });
      await client.query('LISTEN one;');
      await client.query('LISTEN two;');
      await database.listen('three', () => {});
      await database.pool.query("select pg_notify('three', 'x'), pg_notify('one', 'a')");
      await database.pool.query("NOTIFY two, 'last'");
      await last.promise;
      expect(heard).toEqual(['one:a', 'two:last']);
      client.release(true);
    });
  });

  describe('listen', () => {
    test('a callback hears payloads after the commit only, until it unsubscribes', async () => {
      const heard: string[] = [];
      const last = Promise.withResolvers<void>();
      const unsubscribe = await database.listen('news', (payload) => {
        heard.push(payload);
      });
      await database.listen('done', () => last.resolve());
      const client = await database.pool.connect();
      await client.query('begin');
      await client.query("select pg_notify('news', 'rolled back')");
      await client.query('rollback');
      client.release();
      await database.notify('news', 'one');
      await database.notify('done', '');
      await last.promise;
      unsubscribe();
      await database.notify('news', 'two');
      const again = Promise.withResolvers<void>();
      await database.listen('again', () => again.resolve());
      await database.notify('again', '');
      await again.promise;
      expect(heard).toEqual(['one']);
    });
  });
}

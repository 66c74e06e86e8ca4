import { spawnSync } from 'node:child_process';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase } from './database.ts';
import { databaseSuite } from './suite-database.ts';
import { type PostgresServer, skipWithoutPostgres, startPostgresServer } from './testing/postgres-server.ts';

describe.skipIf(skipWithoutPostgres())('PostgreSQL server', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgresServer();
  });
  afterAll(() => server.stop());

  databaseSuite(async () => openDatabase({ kind: 'postgres', url: await server.createDatabase() }));

  test('after the listening connection is lost, subscriptions are made again and their callbacks run', async () => {
    const database = await openDatabase({ kind: 'postgres', url: await server.createDatabase() });
    const heard: string[] = [];
    const looked = Promise.withResolvers<void>();
    const last = Promise.withResolvers<void>();
    await database.listen('news', (payload) => {
      heard.push(payload);
      if (payload === '') looked.resolve();
      if (payload === 'after') last.resolve();
    });
    await database.pool.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query like 'LISTEN%'",
    );
    await looked.promise;
    await database.notify('news', 'after');
    await last.promise;
    expect(heard).toEqual(['', 'after']);
    await database.close();
  });

  test('a connection that is lost under a transaction fails that transaction and nothing else', async () => {
    const database = await openDatabase({ kind: 'postgres', url: await server.createDatabase() });
    const ended = database.db.transaction().execute(async (tx) => {
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx);
      await database.pool.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
      await sql`select pg_sleep(60)`.execute(tx);
    });
    await expect(ended).rejects.toThrow(/terminat|connection error|ECONNRESET/);
    expect((await database.pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await database.close();
  });

  test('a server that cannot be reached is named without its password, and may be tried again', async () => {
    const url = 'postgresql://alice:hunter2@127.0.0.1:1/shop';
    const error: unknown = await openDatabase({ kind: 'postgres', url }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'unavailable', retryable: true });
    expect(String(error)).toContain('127.0.0.1:1/shop');
    expect(String(error)).not.toContain('hunter2');
  });

  test('a server that may lose acknowledged writes is refused', async () => {
    const unsafe = await startPostgresServer(['-c', 'fsync=off']);
    try {
      await expect(
        openDatabase({ kind: 'postgres', url: await unsafe.createDatabase() }),
      ).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('fsync=off') });
    } finally {
      await unsafe.stop();
    }
  });

  test('the suite says what to install when the server is missing', () => {
    const script = `import('${new URL('./testing/postgres-server.ts', import.meta.url).href}').then((m) => m.startPostgresServer())`;
    const run = spawnSync(process.execPath, ['-e', script], {
      env: { ...process.env, POSTGRES_BIN: '/nowhere' },
      encoding: 'utf8',
    });
    expect(run.status).not.toBe(0);
    expect(run.stderr).toContain('apt-get install postgresql-15');
  });
});

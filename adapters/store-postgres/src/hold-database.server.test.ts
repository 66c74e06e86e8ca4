import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Database, openDatabase } from './database.ts';
import { type DatabaseHold, holdDatabase } from './hold-database.ts';
import { loadMigrations, migrate } from './migrate.ts';
import { createStore } from './store/create-store.ts';
import { type PostgresServer, skipWithoutPostgres, startPostgresServer } from './testing/postgres-server.ts';

const WAIT = { timeout: 60_000 };

describe.skipIf(skipWithoutPostgres())('a database has one installation', () => {
  let server: PostgresServer;
  let url: string;
  const opened: Array<{ readonly database: Database; readonly hold: DatabaseHold }> = [];
  const told: string[] = [];
  let regained = Promise.withResolvers<void>();
  const logger = {
    warn: (message: string) => void told.push(message),
    info: (message: string) => {
      told.push(message);
      regained.resolve();
    },
  };
  beforeAll(async () => {
    server = await startPostgresServer();
  });
  beforeEach(async () => {
    await closeAll();
    url = await server.createDatabase();
    told.length = 0;
    regained = Promise.withResolvers<void>();
  });
  afterAll(async () => {
    await closeAll();
    await server.stop();
  });

  async function open(installation = 'one', waitMs = 1): Promise<DatabaseHold> {
    const database = await openDatabase({ kind: 'postgres', url });
    try {
      const hold = await holdDatabase(database.pool, installation, logger, waitMs);
      opened.push({ database, hold });
      return hold;
    } catch (error) {
      await database.close();
      throw error;
    }
  }
  async function closeAll(): Promise<void> {
    for (const { database, hold } of opened.splice(0)) {
      await hold.release();
      await database.close();
    }
  }
  const refusal = (installation = 'other'): Promise<string> =>
    open(installation).then(
      () => 'it was not refused',
      (error: unknown) => (error as Error).message,
    );
  /** Ends the oldest session that holds a lock, once so many do. */
  async function endSession(sessions = 1): Promise<void> {
    const database = await openDatabase({ kind: 'postgres', url });
    const holders =
      "select distinct a.pid, a.backend_start from pg_locks l join pg_stat_activity a using (pid) where l.locktype = 'advisory' and l.granted and a.datname = current_database() order by a.backend_start";
    await expect.poll(async () => (await database.pool.query(holders)).rows, WAIT).toHaveLength(sessions);
    const ended = await database.pool.query(
      `select pg_terminate_backend(pid) as ended from (${holders} limit 1) as oldest`,
    );
    expect(ended.rows).toEqual([{ ended: true }]);
    await database.close();
  }

  test('a process of another one is refused and told of the first, until the last of that lets go', async () => {
    const first = await open();
    const second = await open();
    expect(await refusal()).toContain(`in use by carapulse ${process.pid}@`);
    await first.release();
    expect(await refusal()).toContain('in use by');
    await second.release();
    await open('other');
    expect(await refusal('one')).toContain('in use by');
  });

  test('a build that has it for itself alone is refused by us, and refuses us', async () => {
    const database = await openDatabase({ kind: 'postgres', url });
    const alone = await database.pool.connect();
    const mine = 'select pg_try_advisory_lock(1667330657, 1886743667) as mine';
    expect((await alone.query(mine)).rows).toEqual([{ mine: true }]);
    expect(await refusal('one')).toContain('in use by');
    await alone.query('select pg_advisory_unlock_all()');
    await open();
    expect((await alone.query(mine)).rows).toEqual([{ mine: false }]);
    alone.release();
    await database.close();
  });

  test('a process is told as living as long as it holds, under its number', async () => {
    const reader = await openDatabase({ kind: 'postgres', url });
    await migrate(reader.pool, loadMigrations());
    const store = await createStore(reader);
    const [first, second] = [await open(), await open()];
    await first.announce(7);
    await second.announce(8);
    expect(await store.read.livingProcesses()).toEqual(new Set([7, 8]));
    await first.release();
    await expect.poll(() => store.read.livingProcesses(), WAIT).toEqual(new Set([8]));
    await endSession();
    await regained.promise;
    expect(await store.read.livingProcesses()).toEqual(new Set([8]));
    await store.close();
  });

  test('whose session is ended has lost it to the next', async () => {
    const first = await open();
    const second = open('other', WAIT.timeout);
    await endSession(2);
    await second;
    expect(await first.lost).toMatchObject({ code: 'conflict' });
  });

  test('a session that was lost is made again while nobody else wants the database', async () => {
    await open();
    await endSession();
    await regained.promise;
    expect(await refusal()).toContain('in use by');
  });
});

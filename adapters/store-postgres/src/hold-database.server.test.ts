import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Database, openDatabase } from './database.ts';
import { type DatabaseHold, holdDatabase } from './hold-database.ts';
import { type PostgresServer, skipWithoutPostgres, startPostgresServer } from './testing/postgres-server.ts';

const WAIT = { timeout: 60_000 };

describe.skipIf(skipWithoutPostgres())('a database has one process', () => {
  let server: PostgresServer;
  let url: string;
  const opened: Array<{ readonly database: Database; readonly hold: DatabaseHold }> = [];
  const told: string[] = [];
  const regained = Promise.withResolvers<void>();
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
  });
  afterAll(async () => {
    await closeAll();
    await server.stop();
  });

  async function open(waitMs = 1): Promise<DatabaseHold> {
    const database = await openDatabase({ kind: 'postgres', url });
    try {
      const hold = await holdDatabase(database.pool, logger, waitMs);
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
  const refusal = (): Promise<string> =>
    open().then(
      () => 'it was not refused',
      (error: unknown) => (error as Error).message,
    );
  /** Ends the session that holds the lock, once `ready` says yes. */
  async function endSession(ready = 'select true as yes'): Promise<void> {
    const database = await openDatabase({ kind: 'postgres', url });
    await expect.poll(async () => (await database.pool.query(ready)).rows, WAIT).toEqual([{ yes: true }]);
    const ended = await database.pool.query(
      "select pg_terminate_backend(pid) as ended from pg_locks where locktype = 'advisory' and granted",
    );
    expect(ended.rows).toEqual([{ ended: true }]);
    await database.close();
  }

  test('a second one is refused and told of the first, until that lets go', async () => {
    const first = await open();
    const message = await refusal();
    expect(message).toContain(`in use by carapulse ${process.pid}@`);
    await first.release();
    await open();
  });

  test('whose session is ended has lost it to the next', async () => {
    const first = await open();
    const second = open(WAIT.timeout);
    await endSession(
      "select exists (select 1 from pg_locks where locktype = 'advisory' and not granted) as yes",
    );
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

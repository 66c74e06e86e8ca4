import { execFile } from 'node:child_process';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openDatabase } from '@carapulse/store-postgres';
import {
  skipWithoutPostgres,
  startPostgresServer,
  type PostgresServer,
} from '@carapulse/store-postgres/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startAssistant, type Assistant } from './src/assistant.ts';
import { openWorld, until, type World } from './src/world.ts';

const run = promisify(execFile);
const REASON = { reason: 'a trial' };

describe.skipIf(skipWithoutPostgres())('schedules of two processes on one PostgreSQL', () => {
  let world: World;
  let server: PostgresServer;
  let url: string;
  let both: readonly [Assistant, Assistant];

  beforeAll(async () => {
    world = await openWorld();
    server = await startPostgresServer();
    url = await server.createDatabase();
    const config = { ...world.config, storage: { database_url: url } };
    // One after the other, so that the number of each is known.
    const first = await startAssistant(world.installation, config);
    both = [first, await startAssistant(world.installation, config)];
  });
  afterAll(async () => {
    await world.close();
    await server.stop();
  });

  const query = async <T>(sql: string): Promise<readonly T[]> => {
    const database = await openDatabase({ kind: 'postgres', url });
    try {
      return (await database.pool.query(sql)).rows as readonly T[];
    } finally {
      await database.close();
    }
  };
  const create = async (name: string): Promise<void> => {
    const input = { repository: 'alpha', commit: await world.shop.pushInnocent('alpha') };
    const definition = { workflow: 'revert-commit', input, cron: '0 0 29 2 *', ...REASON };
    await both[0].as('alice').call('createSchedule', { body: { name, definition } });
  };
  const firings = async (through: Assistant, name: string) =>
    (await through.as('olga').call('getSchedule', { params: { name } })).body.firings;

  test('each time is fired by one of them, once', async () => {
    await create('shared');
    const { definition } = (await both[0].as('olga').call('getSchedule', { params: { name: 'shared' } })).body
      .schedule;
    const minutely = { ...definition, cron: '* * * * *', overlap: 'allow_all' } as const;
    const body = { definition: minutely, revision: 1 };
    await both[0].as('alice').call('replaceSchedule', { params: { name: 'shared' }, body });
    // As if nobody had looked for nine minutes: all of them come at once, to both.
    const judged =
      "set decided_until = decided_until - interval '9 minutes', next_at = next_at - interval '9 minutes'";
    await query(
      `update schedules ${judged}, document = jsonb_set(document::jsonb, '{definition,catch_up}', '"all"')::json`,
    );
    const done = await until('nine firings', async () => {
      const found = await firings(both[1], 'shared');
      return found.length >= 9 && found.every(({ status }) => status !== 'waiting') ? found : null;
    });
    expect(done.map(({ status }) => status)).toEqual(done.map(() => 'planned'));
    const times = done.map(({ nominal_at }) => nominal_at);
    expect(new Set(times).size).toBe(times.length);
    const { body: plans } = await both[0].as('olga').call('listPlans', { query: { limit: 200 } });
    expect(new Set(plans.items.map(({ plan_id }) => plan_id))).toEqual(
      new Set(done.map(({ plan_id }) => plan_id)),
    );
    expect(plans.items).toHaveLength(done.length);
    await both[0].as('alice').call('deleteSchedule', { params: { name: 'shared' }, query: REASON });
  });

  test('one is killed between its claim and its plan, the other makes that plan, once', async () => {
    await create('claimed');
    const head = join(world.shop.bare('alpha'), 'HEAD');
    // Who reads the repository waits for somebody to write into this.
    await rename(head, `${head}.away`);
    await run('mkfifo', [head]);
    await both[0].as('bob').call('triggerSchedule', { params: { name: 'claimed' }, body: REASON });
    const claim = await until('a claim', async () => {
      const sql = "select process, plan_id from schedule_firings where status = 'waiting' and process > 0";
      return (await query<{ process: string; plan_id: string }>(sql))[0] ?? null;
    });
    const number = Number(claim.process);
    const [killed, other] = number === 1 ? both : [both[1], both[0]];
    killed.signal('SIGKILL');
    await killed.ended;
    await rename(`${head}.away`, head);
    const [firing] = await until('the plan', async () => {
      const found = await firings(other, 'claimed');
      return found.every(({ status }) => status === 'planned') ? found : null;
    });
    expect(firing).toMatchObject({ cause: 'manual', plan_id: claim.plan_id, attempts: 0 });
    const { body } = await other.as('olga').call('listPlans', { query: { limit: 200 } });
    const mine = body.items.filter(({ plan_id }) => plan_id === claim.plan_id);
    expect(mine).toMatchObject([{ status: 'awaiting_approval', trigger: 'schedule' }]);
    const numbers = await query<{ process: string }>(
      `select process from schedule_firings where plan_id = '${claim.plan_id}'`,
    );
    expect(numbers.map((row) => Number(row.process))).toEqual([3 - number]);
  });
});

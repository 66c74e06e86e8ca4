import { cpSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@carapulse/kernel';
import { openDatabase } from '@carapulse/store-postgres';
import {
  skipWithoutPostgres,
  startPostgresServer,
  type PostgresServer,
} from '@carapulse/store-postgres/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startAssistant, type Assistant } from './src/assistant.ts';
import { approve, endOf, openWorld, planNow, until, type World } from './src/world.ts';

describe.skipIf(skipWithoutPostgres())('two copies of an installation on one PostgreSQL', () => {
  let world: World;
  let server: PostgresServer;
  beforeAll(async () => {
    world = await openWorld();
    server = await startPostgresServer();
  });
  afterAll(async () => {
    await world.close();
    await server.stop();
  });

  test('the second is refused, takes over what the stopped first left, and the first wakes up to do nothing', async () => {
    const url = await server.createDatabase();
    const config = { ...world.config, storage: { database_url: url } };
    const first = await startAssistant(world.installation, config);
    const plan = await world.plan(first);
    const before = [await world.shop.moves('alpha'), await world.shop.moves('beta')] as const;
    const effects = async () => [
      (await world.shop.moves('alpha')) - before[0],
      (await world.shop.moves('beta')) - before[1],
    ];
    const held = world.shop.holdPush('alpha');
    await approve(first, plan, 'alice');
    const execution_id = (await approve(first, plan, 'bob')).execution_id ?? '';
    const letGo = await held;
    first.signal('SIGSTOP');
    await until('the first to stand still', async () => (await stopped(first)) || null);

    const standby = join(world.root, 'standby');
    cpSync(world.installation, standby, { recursive: true });
    const refusal = await refused(standby, config);
    expect(refusal).toContain(`in use by carapulse ${first.pid}@`);
    await follow(refusal, url);
    const second = await startAssistant(standby, config);
    await endOf(second, execution_id);
    const view = async () =>
      (await second.as('alice').call('getExecution', { params: { execution_id } })).body;
    const outcome = await until('the receipt', async () => {
      const body = await view();
      return body.evidence.some(({ kind }) => kind === 'receipt') ? body : null;
    });
    expect(outcome.execution).toMatchObject({ status: 'succeeded' });
    expect(await effects()).toEqual([1, 1]);

    first.signal('SIGCONT');
    await letGo();
    expect(await first.ended).toBeNull();
    expect(await effects()).toEqual([1, 1]);
    expect(await view()).toEqual(outcome);
    expect(await planNow(second, plan.plan.plan_id)).toMatchObject({ status: 'succeeded' });

    expect(await refused(join(world.root, 'a third'), config)).toContain(`carapulse ${second.pid}@`);
    second.signal('SIGKILL');
    await second.ended;
    const third = await startAssistant(standby, config);
    expect(await planNow(third, plan.plan.plan_id)).toMatchObject({ status: 'succeeded' });
    await third.stop();
  });
});

async function refused(directory: string, config: object): Promise<string> {
  const outcome: unknown = await startAssistant(directory, config).catch((error: unknown) => error);
  if (outcome instanceof AppError && outcome.code === 'conflict') return outcome.message;
  throw new Error('It was not refused', { cause: outcome });
}

/** Does what a refusal says to do about a process that hangs. */
async function follow(refusal: string, url: string): Promise<void> {
  const [statement = ''] = /select pg_terminate_backend.*;$/.exec(refusal) ?? [];
  const database = await openDatabase({ kind: 'postgres', url });
  await database.pool.query(statement);
  await database.close();
}

/** Whether the kernel says that the process is stopped. */
async function stopped({ pid }: Assistant): Promise<boolean> {
  return /^State:\s+T/m.test(await readFile(`/proc/${pid}/status`, 'utf8'));
}

import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openDatabase } from '@carapulse/store-postgres';
import {
  skipWithoutPostgres,
  startPostgresServer,
  type PostgresServer,
} from '@carapulse/store-postgres/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startAssistant, type Assistant } from './src/assistant.ts';
import { approve, endOf, openWorld, until, type World } from './src/world.ts';

const MAIN = join(import.meta.dirname, '..', 'apps', 'carapulse', 'src', 'main.ts');
const run = promisify(execFile);
const LIMITS = { automated_writes_per_service_hour: 10_000 };

describe.skipIf(skipWithoutPostgres())('two processes of one installation on one PostgreSQL', () => {
  let world: World;
  let server: PostgresServer;
  let url: string;
  let config: object;
  let both: readonly [Assistant, Assistant];

  beforeEach(async () => {
    world = await openWorld();
    server = await startPostgresServer();
    url = await server.createDatabase();
    config = {
      ...world.config,
      storage: { database_url: url },
      orchestrator: { ...LIMITS, run_lease_ms: 4000 },
    };
    both = await Promise.all([
      startAssistant(world.installation, config),
      startAssistant(world.installation, config),
    ]);
  });
  afterEach(async () => {
    await world.close();
    await server.stop();
  });

  /** A repair in the middle of its first push: who drives it, who doesn't, and how often each main moved since. */
  async function repairing() {
    const [first, second] = both;
    const plan = await world.plan(first);
    const before = [await world.shop.moves('alpha'), await world.shop.moves('beta')] as const;
    const held = world.shop.holdPush('alpha');
    await approve(first, plan, 'alice');
    const execution_id = (await approve(second, plan, 'bob')).execution_id ?? '';
    const letGo = await held;
    const owner = await ownerOf(execution_id);
    const driver = both.find(({ pid }) => owner.startsWith(`carapulse ${pid}@`));
    const other = both.find((each) => each !== driver);
    if (driver === undefined || other === undefined) throw new Error(`${owner} is neither of the two.`);
    const effects = async () => [
      (await world.shop.moves('alpha')) - before[0],
      (await world.shop.moves('beta')) - before[1],
    ];
    return { plan, execution_id, letGo, driver, other, effects };
  }

  async function ownerOf(runId: string): Promise<string> {
    const database = await openDatabase({ kind: 'postgres', url });
    try {
      const { rows } = await database.pool.query<{ owner: string }>(
        'select owner from durable.runs where run_id = $1',
        [runId],
      );
      return rows[0]?.owner ?? '';
    } finally {
      await database.close();
    }
  }

  const view = async (through: Assistant, execution_id: string) =>
    (await through.as('alice').call('getExecution', { params: { execution_id } })).body;
  const receipt = (through: Assistant, execution_id: string) =>
    until('the receipt', async () => {
      const body = await view(through, execution_id);
      return body.evidence.some(({ kind }) => kind === 'receipt') ? body : null;
    });

  /** What `carapulse audit verify` says of the stopped installation. */
  async function proof(): Promise<string> {
    const file = join(world.root, 'config.yaml');
    await writeFile(file, JSON.stringify(config));
    const args = [MAIN, 'audit', 'verify', '--directory', world.installation, '--config', file];
    return (await run(process.execPath, args)).stdout;
  }

  test('the one that drives a repair is killed in the middle, the other finishes it, once', async () => {
    const { plan, execution_id, letGo, driver, other, effects } = await repairing();
    const { body: plans } = await other.as('alice').call('listPlans', { query: {} });
    expect(plans.items.map((each) => each.plan_id)).toEqual([plan.plan.plan_id]);
    driver.signal('SIGKILL');
    await driver.ended;
    await letGo({ dead: true });
    await endOf(other, execution_id);
    const outcome = await receipt(other, execution_id);
    expect(outcome.execution).toMatchObject({ status: 'succeeded' });
    expect(outcome.steps.map(({ status }) => status)).toEqual(outcome.steps.map(() => 'succeeded'));
    expect(await effects()).toEqual([1, 1]);
    const back = await startAssistant(world.installation, config);
    expect(await view(back, execution_id)).toEqual(outcome);
    await Promise.all([other.stop(), back.stop()]);
    expect(await proof()).toMatch(/^ok: \d+ records/);
  });

  test('one that was stopped and continued changes nothing of what the other finished, and serves on', async () => {
    const { execution_id, letGo, driver, other, effects } = await repairing();
    driver.signal('SIGSTOP');
    await until('the driver to stand still', async () =>
      /^State:\s+T/m.test(await readFile(`/proc/${driver.pid}/status`, 'utf8')) ? true : null,
    );
    await endOf(other, execution_id);
    const outcome = await receipt(other, execution_id);
    expect(outcome.execution).toMatchObject({ status: 'succeeded' });
    expect(await effects()).toEqual([1, 1]);
    driver.signal('SIGCONT');
    await letGo();
    const next = await world.plan(driver);
    await approve(driver, next, 'alice');
    const second = (await approve(driver, next, 'bob')).execution_id ?? '';
    expect((await endOf(driver, second)).execution).toMatchObject({ status: 'succeeded' });
    expect(await view(driver, execution_id)).toEqual(outcome);
    await Promise.all([driver.stop(), other.stop()]);
    expect(await proof()).toMatch(/^ok: \d+ records/);
  });
});

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  skipWithoutPostgres,
  startPostgresServer,
  type PostgresServer,
} from '@carapulse/store-postgres/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startAssistant, type Assistant } from './src/assistant.ts';
import {
  endServices,
  openRelay,
  startService,
  type Relay,
  type ServiceProcess,
} from './src/service-process.ts';
import { approve, endOf, openWorld, until, type World } from './src/world.ts';

const MAIN = join(import.meta.dirname, '..', 'apps', 'carapulse', 'src', 'main.ts');
const run = promisify(execFile);
const SANDBOX_TOKEN = 'what-the-tool-router-carries-to-the-sandbox';

describe.skipIf(skipWithoutPostgres())('up, tool-router and sandbox-exec as three processes', () => {
  let world: World;
  let server: PostgresServer;
  let shared: object;
  let sandbox: ServiceProcess;
  let router: ServiceProcess;
  let relay: Relay;
  let assistant: Assistant;

  beforeEach(async () => {
    world = await openWorld();
    server = await startPostgresServer();
    const { connectors: _, ...config } = world.config;
    shared = {
      ...config,
      storage: { database_url: await server.createDatabase() },
      orchestrator: { automated_writes_per_service_hour: 10_000 },
    };
    const roots = ['scratch', 'tools'].map((name) => join(world.installation, name));
    for (const root of roots) mkdirSync(root, { recursive: true, mode: 0o700 });
    writeFileSync(join(world.root, 'sandbox.token'), SANDBOX_TOKEN, { mode: 0o600 });
    const token_sha256 = createHash('sha256').update(SANDBOX_TOKEN).digest('hex');
    const exec = { port: 0, token_sha256, mount_roots: [...roots, join(world.root, 'shop')] };
    sandbox = await startService(['sandbox-exec'], { sandbox: { exec } }, join(world.root, 'sandbox.yaml'));
    router = await startRouter(0);
    relay = await openRelay(router.port);
    assistant = await startAssistant(world.installation, { ...shared, tool_router: { url: relay.url } });
  });
  afterEach(async () => {
    await endServices();
    await relay?.close();
    await world.close();
    await server.stop();
  });

  function startRouter(port: number): Promise<ServiceProcess> {
    return startService(
      ['tool-router', '--directory', world.installation, '--port', String(port)],
      {
        ...shared,
        connectors: world.config['connectors'],
        sandbox: { url: sandbox.url, token: `file:${join(world.root, 'sandbox.token')}` },
      },
      join(world.root, 'router.yaml'),
    );
  }

  /** A repair in the middle of its first push, and how often each main moved since. */
  async function repairing() {
    const plan = await world.plan(assistant);
    const before = [await world.shop.moves('alpha'), await world.shop.moves('beta')] as const;
    const held = world.shop.holdPush('alpha');
    await approve(assistant, plan, 'alice');
    const execution_id = (await approve(assistant, plan, 'bob')).execution_id ?? '';
    const letGo = await held;
    const effects = async () => [
      (await world.shop.moves('alpha')) - before[0],
      (await world.shop.moves('beta')) - before[1],
    ];
    return { execution_id, letGo, effects };
  }

  async function outcomeOf(execution_id: string) {
    const { execution, steps } = await endOf(assistant, execution_id);
    return {
      status: execution.status,
      reason: execution.status_reason,
      steps: steps.map((each) => each.status),
    };
  }
  const succeeded = (outcome: { readonly steps: readonly string[] }) => ({
    status: 'succeeded',
    reason: expect.any(String),
    steps: outcome.steps.map(() => 'succeeded'),
  });

  /** What `carapulse audit verify` says of the stopped installation. */
  async function proof(): Promise<string> {
    const file = join(world.root, 'config.yaml');
    writeFileSync(file, JSON.stringify(shared));
    const args = [MAIN, 'audit', 'verify', '--directory', world.installation, '--config', file];
    return (await run(process.execPath, args)).stdout;
  }

  test('a repair is planned, approved, carried out and verified through them, and the trail is whole', async () => {
    const { execution_id, letGo, effects } = await repairing();
    await letGo();
    const outcome = await outcomeOf(execution_id);
    expect(outcome).toEqual(succeeded(outcome));
    expect(await effects()).toEqual([1, 1]);
    const ready = await (await fetch(`${assistant.url}/readyz`)).json();
    expect(ready).toMatchObject({
      checks: expect.arrayContaining([{ name: 'tool router', ok: true, detail: relay.url }]),
    });
    const metrics = await (await fetch(`${router.url}/metrics`)).text();
    expect(metrics).toMatch(/carapulse_tool_executions_total\{tool="git",action="revert",outcome="ok"\} 2/);
    expect(await (await fetch(`${sandbox.url}/metrics`)).text()).toContain('RunCommand');
    await sandbox.stop();
    expect((await fetch(`${router.url}/readyz`)).status).toBe(503);
    await Promise.all([router.stop(), assistant.stop()]);
    for (const { said } of [router, sandbox]) expect(said()).not.toContain(SANDBOX_TOKEN);
    expect(await proof()).toMatch(/^ok: \d+ records/);
  });

  test('the router is killed in the middle of a push: a new one finishes the step, once', async () => {
    // It is there already: the other branch's checks have their own time, which its start would take from them.
    const next = await startRouter(0);
    const { execution_id, letGo, effects } = await repairing();
    router.signal('SIGKILL');
    await router.ended;
    await letGo({ dead: true });
    relay.leadTo(next.port);
    const outcome = await outcomeOf(execution_id);
    expect(outcome).toEqual(succeeded(outcome));
    expect(await effects()).toEqual([1, 1]);
  });

  test('a stopped router keeps its step from another one until it has ended; the effect happens once', async () => {
    const other = await startRouter(0);
    const { execution_id, letGo, effects } = await repairing();
    // A process that is stopped in a transaction keeps its locks for the minute that the database allows.
    await until('the other branch to be done', async () => {
      const { body } = await assistant.as('alice').call('getExecution', { params: { execution_id } });
      const done = body.steps.some((each) => each.step_id === 'look-beta' && each.status === 'succeeded');
      return done ? true : null;
    });
    router.signal('SIGSTOP');
    await until('the router to stand still', async () =>
      /^State:\s+T/m.test(await readFile(`/proc/${router.pid}/status`, 'utf8')) ? true : null,
    );
    relay.leadTo(other.port);
    const calls = async () => (await fetch(`${other.url}/metrics`)).text();
    await until('the other router to be asked', async () =>
      /action="revert",outcome="idempotency_in_progress"\} [1-9]/.test(await calls()) ? true : null,
    );
    expect(await effects()).toEqual([0, 1]);
    router.signal('SIGKILL');
    await router.ended;
    await letGo({ dead: true });
    const outcome = await outcomeOf(execution_id);
    expect(outcome).toEqual(succeeded(outcome));
    expect(await effects()).toEqual([1, 1]);
  });
});

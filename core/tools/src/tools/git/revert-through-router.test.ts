import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testCall } from '@carapulse/approval/testing';
import type { Plan } from '@carapulse/plan';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createToolRegistry } from '../../registry.ts';
import { createToolRouter } from '../../router.ts';
import type { RouterDeps } from '../../router-deps.ts';
import { codeOf, newDeps, newWorld, notePlan, writeRequest } from '../../router-harness.testing.ts';
import type { World } from '../../router-harness.testing.ts';
import type { CommandResult, CommandSpec } from '../../sandbox.ts';
import { developerEnv, runProgram, workspaceBelow } from './git.testing.ts';
import { git } from './index.ts';
import type { RevertPreview } from './index.ts';

const options = { signal: new AbortController().signal };
let root: string;
let bad: string;
let pushes: number;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'carapulse-router-'));
  pushes = 0;
  run('init', '--quiet', '--initial-branch=main', 'work');
  for (const text of ['good', 'bad']) {
    writeFileSync(join(root, 'work', 'conf'), `${text}\n`);
    run('-C', 'work', 'add', '.');
    run('-C', 'work', 'commit', '--quiet', '-m', text);
  }
  bad = run('-C', 'work', 'rev-parse', 'HEAD');
  run('clone', '--quiet', '--bare', 'work', 'origin.git');
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function run(...args: string[]): string {
  return execFileSync('git', args, { cwd: root, env: developerEnv, encoding: 'utf8', stdio: 'pipe' }).trim();
}

function deps(
  world: World,
  around: (command: CommandSpec, work: () => Promise<CommandResult>) => Promise<CommandResult>,
): RouterDeps {
  const base = newDeps(world, 'observable');
  const repository = { url: join(root, 'origin.git'), default_branch: 'main', branches: ['main'] };
  const plain = (command: CommandSpec): Promise<CommandResult> => {
    if (command.argv.includes('push')) pushes += 1;
    return runProgram(command);
  };
  return {
    ...base,
    registry: createToolRegistry([git], { git: { repositories: { shop: repository } } }),
    sandbox: { ...base.sandbox, run: (command) => around(command, () => plain(command)) },
    workspace: workspaceBelow(root),
  };
}

async function revertPlan(world: World): Promise<Plan> {
  const { registry, ...rest } = deps(world, (_, work) => work());
  const reading: World = { ...world, decision: { ...world.decision, decision: 'allow' } };
  const router = createToolRouter({ ...rest, registry, policy: newDeps(reading, 'observable').policy });
  const base = await writeRequest(notePlan('observable'));
  const input = { repository: 'shop', commit: bad, date: '2026-01-10T12:00:00.000Z' };
  const read = { ...base, tool: 'git', action: 'revert_preview', input, envelope: null };
  const preview = (await router.execute({ ...read, idempotencyKey: 'preview' }, options))
    .output as unknown as RevertPreview;
  if (preview.kind !== 'revertible') throw new Error(preview.detail);
  const found = registry.find('git', 'revert');
  const change = { tool: 'git', action: 'revert', definition_digest: found.digest };
  return notePlan(
    'observable',
    {},
    {
      call: testCall(preview.forward, change),
      effects: [...found.action.effects(preview.forward, found.settings)],
      rollback: {
        kind: 'call',
        call: testCall(preview.undo, change),
        repeat: 'observable',
        effects: [...found.action.effects(preview.undo, found.settings)],
        verify: [],
        timeout_ms: 60_000,
      },
    },
  );
}

const content = (): string => run('--git-dir', 'origin.git', 'show', 'main:conf');

test('an approved revert is carried out, and its approved undo restores what was', async () => {
  const world = newWorld();
  const plan = await revertPlan(world);
  const router = createToolRouter(deps(world, (_, work) => work()));
  await router.execute(await writeRequest(plan), options);
  expect(content()).toBe('good');
  const first = new Date(newDeps(world, 'observable').clock.nowMs() - 1000).toISOString();
  await router.execute(
    await writeRequest(plan, { body: { direction: 'rollback', first_write_at: first } }),
    options,
  );
  expect([content(), pushes]).toEqual(['bad', 2]);
});

test.each(['before', 'after'] as const)(
  'killed %s the push, the next attempt leaves one commit',
  async (when) => {
    const world = newWorld();
    const request = await writeRequest(await revertPlan(world));
    let dead = false;
    const dying = deps(world, async (command, work) => {
      if (dead) throw new Error('dead');
      if (!command.argv.includes('push')) return work();
      if (when === 'after') await work();
      dead = true;
      throw new Error('killed');
    });
    const gone = <T>(): Promise<T> => new Promise(() => undefined);
    const journal = { ...dying.journal, finish: () => (dead ? gone<void>() : Promise.resolve()) };
    void createToolRouter({ ...dying, journal })
      .execute(request, options)
      .catch(() => undefined);
    await expect.poll(() => dead).toBe(true);
    const response = await createToolRouter(deps(world, (_, work) => work())).execute(request, options);
    expect(response.repeated).toBe(when === 'after');
    expect([content(), pushes]).toEqual(['good', 1]);
    expect(run('--git-dir', 'origin.git', 'rev-list', '--count', 'main')).toBe('3');
  },
);

test('a second execution of the same approved plan does nothing', async () => {
  const world = newWorld();
  const plan = await revertPlan(world);
  const other = `ex_${'1'.repeat(26)}`;
  const router = createToolRouter(deps(world, (_, work) => work()));
  await router.execute(await writeRequest(plan), options);
  const again = await writeRequest(plan, { body: { execution_id: other }, request: { executionId: other } });
  expect(await codeOf(router.execute(again, options))).toBe('approval_invalid plan_already_executed');
  expect(pushes).toBe(1);
});

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Assistant } from './src/assistant.ts';
import { approve, endOf, openWorld, planNow, until, type World } from './src/world.ts';

const MAIN = join(import.meta.dirname, '..', 'apps', 'assistantctl', 'src', 'main.ts');
const NAME = 'tidy-up';

let world: World;
let assistant: Assistant;
beforeAll(async () => {
  world = await openWorld();
  assistant = await world.start();
});
afterAll(() => world.close());

/** `assistantctl schedule …` as somebody; what it printed, and its exit status. */
function schedule(who: string, ...args: readonly string[]) {
  const common = ['--directory', world.installation, '--as', who, 'schedule'];
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...common, ...args], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], NO_COLOR: '1' },
  });
  return { status, out: stdout, err: stderr };
}

const firings = async () =>
  (await assistant.as('olga').call('getSchedule', { params: { name: NAME }, query: { firings: 200 } })).body
    .firings;
const ended = (cause: string, count = 1) =>
  until(`${count} firings by ${cause}`, async () => {
    const found = (await firings()).filter((each) => each.cause === cause && each.status !== 'waiting');
    return found.length >= count ? found : null;
  });

test('a schedule made on the command line fires at its minute, and its plan is approved by others, run and seen', async () => {
  const commit = await world.shop.pushInnocent('alpha');
  const input = ['--set', 'repository=alpha', '--set', `commit=${commit}`, '--reason', 'notes go'];
  const what = ['--workflow', 'revert-commit', '--cron', '* * * * *', ...input];
  expect(schedule('dev', 'create', NAME, ...what)).toMatchObject({ status: 4, out: '' });
  const how = ['--time-zone', 'Europe/Berlin', '--overlap', 'allow_all', '-o', 'json'];
  const created = schedule('alice', 'create', NAME, ...what, ...how);
  expect(created).toMatchObject({ status: 0, err: '' });
  const view = JSON.parse(created.out) as { upcoming: { nominal_at: string }[] };
  expect(view.upcoming).toHaveLength(5);
  const first = view.upcoming[0]?.nominal_at ?? '';
  await until('its minute', async () => (Date.now() >= Date.parse(first) ? true : null), 90_000);
  const [fired] = await ended('cron');
  expect(fired).toMatchObject({ nominal_at: first, status: 'planned' });
  expect(schedule('alice', 'pause', NAME, '--note', 'seen')).toMatchObject({ status: 0 });

  const plan = await planNow(assistant, fired?.plan_id ?? '');
  expect(plan).toMatchObject({
    status: 'awaiting_approval',
    plan: {
      created_by: 'service:scheduler',
      authors: ['user:alice'],
      trigger: { kind: 'schedule', ref: `${NAME}@${first}` },
    },
  });
  await expect(approve(assistant, plan, 'alice')).rejects.toMatchObject({ code: 'approval_invalid' });
  await approve(assistant, plan, 'carol');
  const { execution_id } = await approve(assistant, plan, 'bob');
  expect((await endOf(assistant, execution_id ?? '')).execution).toMatchObject({ status: 'succeeded' });
  const list = schedule('olga', 'list');
  expect(list).toMatchObject({ status: 0, err: '' });
  expect(list.out).toMatch(/^tidy-up +paused +\* \* \* \* \* +Europe\/Berlin +revert-commit +- +succeeded/m);
});

test('it is fired by hand and backfilled, and each time has one plan at most', async () => {
  expect(schedule('bob', 'trigger', NAME, '--reason', 'now').status).toBe(0);
  const [manual] = await ended('manual');
  // What the commit did is undone already: the workflow makes no plan, which is told and not tried again.
  expect(manual).toMatchObject({ status: 'refused', attempts: 0, plan_id: null });
  const done = (await firings()).find(({ status }) => status === 'planned')?.nominal_at ?? '';
  const at = (minutes: number): string => new Date(Date.parse(done) + minutes * 60_000).toISOString();
  const backfill = (from: string, to: string) =>
    schedule('bob', 'backfill', NAME, '--from', from, '--to', to, '--reason', 'it was away', '-o', 'json');
  const filled = backfill(at(-3), at(0.01));
  expect([filled.status, JSON.parse(filled.out)]).toEqual([0, { queued: 3, existing: 1 }]);
  await ended('backfill', 3);
  expect(backfill(at(600), at(601))).toMatchObject({ status: 2 });
  expect((await firings()).filter(({ status }) => status === 'planned')).toHaveLength(1);
});

test('another definition needs the revision that was seen, and each who changes it becomes an author', async () => {
  const before = await assistant.as('olga').call('getSchedule', { params: { name: NAME } });
  const { definition, revision } = before.body.schedule;
  const updated = schedule('carol', 'update', NAME, '--cron', '0 4 29 2 *', '-o', 'json');
  expect(JSON.parse(updated.out)).toMatchObject({
    schedule: {
      revision: revision + 1,
      authors: ['user:alice', 'user:carol'],
      definition: { cron: '0 4 29 2 *' },
    },
  });
  await expect(
    assistant.as('bob').call('replaceSchedule', { params: { name: NAME }, body: { definition, revision } }),
  ).rejects.toMatchObject({ code: 'conflict' });
  // Nobody becomes an author for nothing.
  expect(schedule('bob', 'update', NAME)).toMatchObject({
    status: 2,
    err: expect.stringContaining('as it is'),
  });
  const ending = schedule('carol', 'update', NAME, '--end', '2099-01-01T00:00:00Z', '-o', 'json');
  expect(JSON.parse(ending.out)).toMatchObject({
    schedule: { definition: { end_at: '2099-01-01T00:00:00Z' } },
  });
  const endless = schedule('carol', 'update', NAME, '--end', 'none', '-o', 'json');
  expect(JSON.parse(endless.out)).toMatchObject({ schedule: { definition: { end_at: null } } });
  expect(schedule('bob', 'update', NAME, '--cron', '0 4 * *')).toMatchObject({
    status: 2,
    err: expect.stringContaining('it has five fields'),
  });
});

test('what was triggered before kill -9 is fired after the next start, once', async () => {
  const commit = await world.shop.pushInnocent('beta');
  for (const args of [
    ['update', NAME, '--set', 'repository=beta', '--set', `commit=${commit}`],
    ['resume', NAME, '--note', 'on'],
  ])
    expect(schedule('alice', ...args).status).toBe(0);
  // The trigger itself takes three writes, the claim of its firing is the next.
  await assistant.arm(4);
  expect(schedule('alice', 'trigger', NAME, '--reason', 'die').status).not.toBeNull();
  expect(await assistant.ended).toBe('SIGKILL');
  assistant = await world.start();
  const manual = await ended('manual', 2);
  expect(manual.map(({ status }) => status)).toEqual(['planned', 'refused']);
  const { body } = await assistant.as('olga').call('listPlans', { query: {} });
  expect(body.items.filter(({ trigger }) => trigger === 'schedule')).toHaveLength(2);
});

test('it is deleted, and its trail stays', async () => {
  expect(schedule('bob', 'delete', NAME, '--reason', 'done').status).toBe(0);
  expect(schedule('bob', 'show', NAME)).toMatchObject({ status: 1, out: '' });
  const { body } = await assistant.as('alice').call('listAuditEvents', { query: { limit: 200 } });
  const actions = new Set(body.items.map(({ action }) => action));
  for (const verb of ['create', 'pause', 'trigger', 'backfill', 'replace', 'resume', 'fire', 'delete'])
    expect(actions).toContain(`schedule.${verb}`);
});

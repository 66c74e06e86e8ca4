import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { send } from './src/api.ts';
import type { Assistant } from './src/assistant.ts';
import {
  approve,
  endOf,
  openWorld,
  planNow,
  proposedPlan,
  until,
  type PlanView,
  type World,
} from './src/world.ts';

const SHIPPED = join(import.meta.dirname, '..', 'policies');
const FREEZE = { name: 'stocktaking', reason: 'the shop is being counted' };

const REASON = 'the shop is down and nobody else is awake';
const HOUR_MS = 3_600_000;

let world: World;
let assistant: Assistant;
let directory: string;
let policy: object;
beforeAll(async () => {
  world = await openWorld();
  directory = join(world.root, 'policies');
  cpSync(SHIPPED, directory, { recursive: true });
  policy = { policy: { stage: 1, directory } };
  assistant = await world.start(policy);
});
afterAll(() => world.close());

const moves = async () => [await world.shop.moves('alpha'), await world.shop.moves('beta')] as const;
const moved = async (before: readonly [number, number]) => {
  const after = await moves();
  return [after[0] - before[0], after[1] - before[1]];
};
const audited = async (action: string, subject_id: string) => {
  const { body } = await assistant.as('ada').call('listAuditEvents', { query: { action, subject_id } });
  return body.items.map(({ actor_id, record }) => ({ actor_id, details: record['details'] }));
};
/** The execution once it has ended; one that is parked has not. */
const ended = (execution_id: string) =>
  until(`the end of ${execution_id}`, async () => {
    const { body } = await assistant.as('alice').call('getExecution', { params: { execution_id } });
    return body.execution.ended_at === null ? null : body.execution;
  });

interface Readiness {
  readonly ready: boolean;
  readonly checks: ReadonlyArray<{ readonly name: string; readonly detail: string }>;
}
const readiness = async () => {
  const { status, text } = await send(assistant.url, 'GET', '/readyz');
  const { checks } = JSON.parse(text) as Readiness;
  return { status, rules: checks.find(({ name }) => name === 'policy')?.detail ?? '' };
};
/** Changes the rules on disk and waits until others are in force. */
async function swap(change: () => void): Promise<void> {
  const before = (await readiness()).rules;
  change();
  await until('other rules', async () => ((await readiness()).rules === before ? null : true));
}
/** Puts `data.json` into place at once, with a window in which writes of `environment` are frozen. */
function freeze(environment: string): void {
  const path = join(directory, 'data.json');
  const data = JSON.parse(readFileSync(path, 'utf8')) as { assistant: object };
  const days = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];
  const window = { ...FREEZE, environments: [environment], days, from: '00:00', to: '24:00' };
  const next = { ...data, assistant: { ...data.assistant, freeze_windows: [window] } };
  writeFileSync(`${path}.new`, JSON.stringify(next));
  renameSync(`${path}.new`, path);
}
const log = (): string => readFileSync(join(world.installation, 'worker.log'), 'utf8');

/** Approves without an idempotency key: a second time is a second decision. */
async function decide({ plan }: PlanView, who: string) {
  const { body } = await assistant.as(who).call('decideApproval', {
    body: { plan_id: plan.plan_id, plan_hash: plan.plan_hash, verdict: 'approve' },
  });
  return body;
}

test('pushes that broke off before and after they took effect are resolved as what a person found', async () => {
  const plan = await world.plan(assistant);
  const before = await moves();
  world.shop.breakPush('alpha', 'after');
  world.shop.breakPush('beta', 'before');
  await approve(assistant, plan, 'alice');
  const execution_id = (await approve(assistant, plan, 'bob')).execution_id ?? '';
  const { execution, steps } = await endOf(assistant, execution_id);
  for (const name of ['alpha', 'beta'] as const) world.shop.repair(name);
  expect(execution).toMatchObject({ status: 'parked' });
  for (const step_id of ['revert-alpha', 'revert-beta']) {
    expect(execution.status_reason).toContain(`Nobody can tell whether ${step_id} took effect`);
    expect(steps).toContainEqual(expect.objectContaining({ step_id, status: 'outcome_unknown' }));
  }
  expect(await moved(before)).toEqual([1, 0]);
  const reason = 'I looked at the branch';
  const resolve = (step_id: string, outcome: 'done' | 'not_done') =>
    assistant
      .as('carol')
      .call('resolveStep', { params: { execution_id, step_id }, body: { outcome, reason } });
  await expect(resolve('revert-gamma', 'done')).rejects.toMatchObject({ code: 'not_found' });
  await resolve('revert-alpha', 'done');
  await resolve('revert-beta', 'not_done');
  expect(await ended(execution_id)).toMatchObject({ status: 'succeeded' });
  expect(await moved(before)).toEqual([1, 1]);
  expect(await audited('execution.resolve', execution_id)).toEqual([
    { actor_id: 'user:carol', details: { step_id: 'revert-beta', outcome: 'not_done', reason } },
    { actor_id: 'user:carol', details: { step_id: 'revert-alpha', outcome: 'done', reason } },
  ]);
  await expect(resolve('revert-alpha', 'done')).rejects.toMatchObject({ code: 'conflict' });
});

test('one person breaks the glass, with a reason and an incident, for an hour at most, told and audited', async () => {
  const plan = await world.plan(assistant);
  const { plan_id } = plan.plan;
  const incident_id = plan.plan.incident_id ?? '';
  const before = await moves();
  const breakGlass = async (who: string, body: object = { reason: REASON, incident_id }) =>
    (await assistant.as(who).call('breakGlassPlan', { params: { plan_id }, body: body as never })).body;
  for (const [who, body, code] of [
    ['alertmanager', undefined, 'forbidden'],
    ['dev', undefined, 'forbidden'],
    ['bob', { incident_id }, 'invalid_input'],
    ['bob', { incident_id, reason: 'now' }, 'invalid_input'],
    ['bob', { reason: REASON }, 'invalid_input'],
    ['bob', { reason: REASON, incident_id: `inc_${'0'.repeat(26)}` }, 'not_found'],
  ] as const)
    await expect(breakGlass(who, body), `${who} ${JSON.stringify(body)}`).rejects.toMatchObject({ code });
  expect(await planNow(assistant, plan_id)).toMatchObject({
    status: 'awaiting_approval',
    execution_id: null,
  });

  const glass = await breakGlass('bob');
  const id = glass.plan.plan_id;
  const [{ statement } = { statement: null }] = glass.approvals;
  expect(glass.plan).toMatchObject({ created_by: 'user:bob', incident_id, steps: plan.plan.steps });
  expect(glass.approvals).toHaveLength(1);
  expect(statement?.body).toMatchObject({
    approver: 'user:bob',
    plan_hash: glass.plan.plan_hash,
    break_glass: { reason: REASON, incident_id },
  });
  for (const expiry of [glass.plan.expires_at, statement?.body.expires_at ?? ''])
    expect(Date.parse(expiry) - Date.now()).toBeLessThanOrEqual(HOUR_MS);
  expect(await ended(glass.execution_id ?? '')).toMatchObject({ status: 'succeeded' });
  expect(await moved(before)).toEqual([1, 1]);

  expect(await audited('approval.break_glass', id)).toMatchObject([
    {
      actor_id: 'user:bob',
      details: { reason: REASON, incident_id, replaces: plan_id, review: 'due' },
    },
  ]);
  const told = log()
    .split('\n')
    .filter((line) => line.includes('break-glass used') && line.includes(id));
  expect(told).toHaveLength(1);
  expect(told[0]).toContain(REASON);

  expect(await planNow(assistant, plan_id)).toMatchObject({ status: 'cancelled', execution_id: null });
  await expect(approve(assistant, plan, 'alice')).rejects.toMatchObject({ code: 'forbidden_transition' });
  await expect(breakGlass('bob')).rejects.toMatchObject({ code: 'conflict' });
  expect(await moved(before)).toEqual([1, 1]);
});

test('what is released after its alerts resolved needs its approvals anew, and then runs', async () => {
  await world.shop.mend();
  const commits = await world.shop.breakBoth();
  const alert = { alertname: 'BothBroken', service: 'released', commits };
  const plan = await proposedPlan(assistant, await world.alert(assistant, alert));
  const { plan_id } = plan.plan;
  const release = () =>
    assistant.as('carol').call('releasePlan', { params: { plan_id }, body: { reason: 'it comes and goes' } });
  await expect(release()).rejects.toMatchObject({ code: 'forbidden_transition' });
  await decide(plan, 'alice');
  await world.alert(assistant, { ...alert, status: 'resolved' });
  expect(await planNow(assistant, plan_id)).toMatchObject({ status: 'held' });
  await release();
  const { status, approvals } = await planNow(assistant, plan_id);
  expect(status).toBe('awaiting_approval');
  expect(approvals).toMatchObject([{ revoked_by: 'user:carol' }]);
  const before = await moves();
  expect(await decide(plan, 'bob')).toMatchObject({ have: 1, needed: 2, execution_id: null });
  const { execution_id } = await decide(plan, 'alice');
  expect(await ended(execution_id ?? '')).toMatchObject({ status: 'succeeded' });
  expect(await moved(before)).toEqual([1, 1]);
  expect(await audited('plan.release', plan_id)).toMatchObject([{ actor_id: 'user:carol' }]);
});

test('rules that change on disk hold from the next decision on; approvals are void only where they are stricter', async () => {
  const unaffected = await world.plan(assistant);
  await approve(assistant, unaffected, 'alice');
  const before = await moves();
  await swap(() => freeze('staging'));
  const { execution_id } = await approve(assistant, unaffected, 'bob');
  expect((await endOf(assistant, execution_id ?? '')).execution).toMatchObject({ status: 'succeeded' });
  expect(await moved(before)).toEqual([1, 1]);

  const frozen = await world.plan(assistant);
  await approve(assistant, frozen, 'alice');
  const still = await moves();
  await swap(() => freeze('production'));
  const refused = await approve(assistant, frozen, 'bob');
  expect((await endOf(assistant, refused.execution_id ?? '')).execution).toMatchObject({
    status: 'failed',
    status_reason: expect.stringContaining(`${FREEZE.name}: ${FREEZE.reason}`),
  });
  expect(await moved(still)).toEqual([0, 0]);
});

test('a plan that the new rules deny waits for nobody, and is carried out under broken glass', async () => {
  const denied = await world.plan(assistant);
  expect(denied).toMatchObject({
    status: 'policy_denied',
    status_reason: expect.stringContaining(FREEZE.reason),
    plan: { policy: { bundle_digest: (await readiness()).rules } },
  });
  await expect(approve(assistant, denied, 'alice')).rejects.toMatchObject({ code: 'forbidden_transition' });
  const before = await moves();
  const { body } = await assistant.as('alice').call('breakGlassPlan', {
    params: { plan_id: denied.plan.plan_id },
    body: { reason: 'the shop is down meanwhile', incident_id: denied.plan.incident_id ?? '' },
  });
  expect((await endOf(assistant, body.execution_id ?? '')).execution).toMatchObject({ status: 'succeeded' });
  expect(await moved(before)).toEqual([1, 1]);
});

test('rules that do not compile never hold: those before do, and after a restart nothing is allowed', async () => {
  const next = `${directory}.next`;
  cpSync(SHIPPED, next, { recursive: true });
  await swap(() => {
    renameSync(directory, `${directory}.before`);
    renameSync(next, directory);
  });
  const { rules } = await readiness();
  const broken = join(directory, 'write.rego');
  writeFileSync(broken, 'package policy.assistant.v1\n\nallow contains { if\n');
  const told = await until('the broken rules to be told of', async () =>
    log().includes('those before stay in force') ? log() : null,
  );
  expect(told).toMatch(/"level":"error".*write\.rego:3.*those before stay in force/);
  expect(await readiness()).toEqual({ status: 200, rules });
  expect(await world.plan(assistant)).toMatchObject({ status: 'awaiting_approval' });

  await assistant.stop();
  assistant = await world.start(policy);
  expect(await readiness()).toMatchObject({
    status: 503,
    rules: expect.stringContaining('everything is denied'),
  });
  const commits = await world.shop.breakBoth();
  const incident = await world.alert(assistant, { alertname: 'BothBroken', service: 'unlooked', commits });
  const { investigations } = await until('the investigation to end', async () => {
    const { body } = await assistant.as('alice').call('getIncident', { params: { incident_id: incident } });
    return body.investigations.every((each) => each.ended_at !== null) ? body : null;
  });
  expect(investigations).toMatchObject([{ plan_id: null }]);
  expect(JSON.stringify(investigations)).toContain('policy_unavailable');

  await swap(() => {
    rmSync(broken);
    cpSync(join(SHIPPED, 'write.rego'), broken);
  });
  expect(await readiness()).toEqual({ status: 200, rules });
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
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

const REASON = 'the shop is down and nobody else is awake';
const HOUR_MS = 3_600_000;

let world: World;
let assistant: Assistant;
beforeAll(async () => {
  world = await openWorld();
  assistant = await world.start();
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

test.for([
  ['after', 'done'],
  ['before', 'not_done'],
] as const)('a push that broke off %s it took effect is resolved as %s', async ([when, outcome]) => {
  const plan = await world.plan(assistant);
  const before = await moves();
  world.shop.breakPush('alpha', when);
  await approve(assistant, plan, 'alice');
  const execution_id = (await approve(assistant, plan, 'bob')).execution_id ?? '';
  const { execution, steps } = await endOf(assistant, execution_id);
  world.shop.repair('alpha');
  expect(execution).toMatchObject({
    status: 'parked',
    status_reason: expect.stringContaining('Nobody can tell whether revert-alpha took effect'),
  });
  expect(steps).toContainEqual(
    expect.objectContaining({ step_id: 'revert-alpha', status: 'outcome_unknown' }),
  );
  expect(await moved(before)).toEqual([outcome === 'done' ? 1 : 0, 1]);
  const resolve = (step_id: string) =>
    assistant.as('carol').call('resolveStep', {
      params: { execution_id, step_id },
      body: { outcome, reason: 'I looked at the branch' },
    });
  await expect(resolve('revert-gamma')).rejects.toMatchObject({ code: 'not_found' });
  await resolve('revert-alpha');
  expect(await ended(execution_id)).toMatchObject({ status: 'succeeded' });
  expect(await moved(before)).toEqual([1, 1]);
  expect(await audited('execution.resolve', execution_id)).toEqual([
    {
      actor_id: 'user:carol',
      details: { step_id: 'revert-alpha', outcome, reason: 'I looked at the branch' },
    },
  ]);
  await expect(resolve('revert-alpha')).rejects.toMatchObject({ code: 'conflict' });
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
  const log = readFileSync(join(world.installation, 'worker.log'), 'utf8').split('\n');
  const told = log.filter((line) => line.includes('break-glass used') && line.includes(id));
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

/** Approves without an idempotency key: a second time is a second decision. */
async function decide({ plan }: PlanView, who: string) {
  const { body } = await assistant.as(who).call('decideApproval', {
    body: { plan_id: plan.plan_id, plan_hash: plan.plan_hash, verdict: 'approve' },
  });
  return body;
}

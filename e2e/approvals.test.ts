import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { installationPaths } from '@carapulse/carapulse/composition';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Assistant } from './src/assistant.ts';
import { approve, endOf, openWorld, planNow, until, type PlanView, type World } from './src/world.ts';

let world: World;
let assistant: Assistant;
beforeAll(async () => {
  world = await openWorld();
  assistant = await world.start();
});
afterAll(() => world.close());

const scope = { scope: '*', reason: 'the test holds the run before its first write' };
const moves = async () => [await world.shop.moves('alpha'), await world.shop.moves('beta')];

/** Approves a plan twice over while writes are halted and waits until its run stands before its first write. */
async function standingRun(plan: PlanView): Promise<string> {
  await assistant.as('alice').call('setHalt', { body: scope });
  await approve(assistant, plan, 'alice');
  const { execution_id } = await approve(assistant, plan, 'bob');
  const id = execution_id ?? '';
  await until('the run to meet the halt', async () => {
    const { body } = await assistant.as('alice').call('getExecution', { params: { execution_id: id } });
    return body.execution.status_reason.startsWith('halted') ? body : null;
  });
  return id;
}

async function goOn(id: string): Promise<string> {
  await assistant.as('alice').call('clearHalt', { body: scope });
  const client = assistant.as('alice');
  await client
    .call('resumeExecution', { params: { execution_id: id }, body: { reason: 'the halt has ended' } })
    .catch((error: unknown) => expect(error).toMatchObject({ code: 'conflict' }));
  const { execution } = await endOf(assistant, id);
  return `${execution.status}: ${execution.status_reason}`;
}

test('an approval that is revoked before the first write stops the run', async () => {
  const plan = await world.plan(assistant);
  const before = await moves();
  const id = await standingRun(plan);
  const mine = (await planNow(assistant, plan.plan.plan_id)).approvals.find(
    (each) => each.statement.body.approver === 'user:bob',
  );
  await assistant.as('bob').call('revokeApproval', {
    params: { plan_id: plan.plan.plan_id, approval_id: mine?.approval_id ?? '' },
    body: { reason: 'I looked again' },
  });
  expect(await goOn(id)).toMatch(/^(failed|cancelled): .*revoked|1 of 2/i);
  expect(await moves()).toEqual(before);
});

test('an approver who has lost the role counts no more', async () => {
  const plan = await world.plan(assistant);
  const before = await moves();
  const id = await standingRun(plan);
  const path = installationPaths(world.installation).trust;
  const kept = readFileSync(path, 'utf8');
  const { keys } = JSON.parse(kept) as { keys: Array<{ actor: { id: string; roles: string[] } | null }> };
  for (const { actor } of keys) if (actor?.id === 'user:bob') actor.roles = ['observer'];
  replace(path, JSON.stringify({ keys }));
  try {
    expect(await goOn(id)).toMatch(/1 of 2 approvals now \(user:bob: /);
  } finally {
    replace(path, kept);
  }
  expect(await moves()).toEqual(before);
});

test('a target that has moved makes the plan stale', async () => {
  const plan = await world.plan(assistant);
  const id = await standingRun(plan);
  await world.shop.pushInnocent('alpha');
  await world.shop.pushInnocent('beta');
  const before = await moves();
  expect(await goOn(id)).toMatch(/^failed: /);
  expect(await moves()).toEqual(before);
  expect((await planNow(assistant, plan.plan.plan_id)).status).toMatch(/^(stale|failed)$/);
});

test('a plan runs once: what is asked again gets the same run, another decision is refused', async () => {
  const plan = await world.plan(assistant);
  const before = await moves();
  const outcomes = await Promise.allSettled([
    approve(assistant, plan, 'alice'),
    approve(assistant, plan, 'bob'),
  ]);
  for (const [index, each] of outcomes.entries())
    if (each.status === 'rejected') {
      expect(each.reason).toMatchObject({ code: 'conflict' });
      await approve(assistant, plan, ['alice', 'bob'][index]);
    }
  const id = (await planNow(assistant, plan.plan.plan_id)).execution_id ?? '';
  expect((await endOf(assistant, id)).execution.status).toBe('succeeded');
  const again = await assistant.as('alice').call('executePlan', {
    params: { plan_id: plan.plan.plan_id },
    body: {},
  });
  expect(again.body.execution_id).toBe(id);
  await expect(approve(assistant, plan, 'carol')).rejects.toMatchObject({ code: 'forbidden_transition' });
  expect(await moves()).toEqual(before.map((count) => count + 1));
});

test('a stricter policy after the approvals refuses the run', async () => {
  const plan = await world.plan(assistant);
  const before = await moves();
  const id = await standingRun(plan);
  await assistant.stop();
  assistant = await world.start({ policy: { stage: 0 } });
  expect(await goOn(id)).toMatch(/^failed: .*no longer lets plan/);
  expect(await moves()).toEqual(before);
});

function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { installationPaths } from '@carapulse/carapulse/composition';
import { openHaltDirectory } from '@carapulse/halt-fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Assistant } from './src/assistant.ts';
import { asDatabaseOwner, forgedStatement, type DatabaseOwner } from './src/database-owner.ts';
import { approve, endOf, openWorld, planNow, type PlanView, type World } from './src/world.ts';

let world: World;
let assistant: Assistant;
beforeAll(async () => {
  world = await openWorld();
  assistant = await world.start();
});
afterAll(() => world.close());

const moves = async () => [await world.shop.moves('alpha'), await world.shop.moves('beta')];

/** Stops the instance, lets the owner of the database at it, starts it again and waits for what becomes of the plans. */
async function attack(plans: readonly PlanView[], work: (owner: DatabaseOwner) => Promise<void>) {
  const before = await moves();
  await assistant.stop();
  await asDatabaseOwner(world, work);
  assistant = await world.start();
  const ends = await Promise.all(
    plans.map(async ({ plan }) => {
      const { execution_id } = await planNow(assistant, plan.plan_id);
      if (execution_id === null) return 'never dispatched';
      const { execution } = await endOf(assistant, execution_id, 20_000);
      return `${execution.status}: ${execution.status_reason}`;
    }),
  );
  const after = await moves();
  return { ends, effects: after.map((count, index) => count - (before[index] ?? 0)) };
}

test('approvals that the owner of the database writes, replays or completes cause no effect', async () => {
  const plans = await world.plans(assistant, 6);
  const [strange, borrowed, gateway, replayed, completed, lowered] = plans as [
    PlanView,
    PlanView,
    PlanView,
    PlanView,
    PlanView,
    PlanView,
  ];
  const source = await world.plan(assistant);
  await approve(assistant, source, 'alice');
  const { execution_id } = await approve(assistant, source, 'bob');
  expect((await endOf(assistant, execution_id ?? '')).execution.status).toBe('succeeded');
  const genuine = (await planNow(assistant, source.plan.plan_id)).approvals.map((each) => each.statement);
  const bobsKey = genuine.find((each) => each.body.approver === 'user:bob')?.signed.key_id ?? '';
  await approve(assistant, completed, 'alice');
  await approve(assistant, lowered, 'alice');
  const { ends, effects } = await attack(plans, async (owner) => {
    for (const who of ['user:alice', 'user:bob']) {
      await owner.approve(strange, await forgedStatement(strange, who, 'ed25519:0123456789abcdef'));
      await owner.approve(borrowed, await forgedStatement(borrowed, who, bobsKey));
      const attested = { roles: ['admin' as const], groups: [who] };
      await owner.approve(gateway, await forgedStatement(gateway, who, bobsKey, attested));
    }
    for (const statement of genuine) await owner.approve(replayed, statement);
    await owner.approve(completed, await forgedStatement(completed, 'user:bob', bobsKey));
    await owner.editPlan(lowered, {
      ...lowered.plan,
      policy: { ...lowered.plan.policy, decision: 'allow', constraints: [] },
    });
    for (const plan of plans) await owner.dispatch(plan);
  });
  expect(ends).toEqual([
    expect.stringMatching(/alice: key unknown; user:bob: key unknown/),
    expect.stringMatching(/alice: signature invalid; user:bob: signature invalid/),
    expect.stringMatching(/alice: signature invalid; user:bob: signature invalid/),
    expect.stringMatching(/alice: other plan; user:bob: other plan/),
    expect.stringMatching(/1 of 2 approvals now \(user:bob: signature invalid/),
    expect.stringMatching(/no longer lets plan .* run as approved/),
  ]);
  expect(effects).toEqual([0, 0]);
});

/** What an owner of the database would like an approved plan to do instead; each edits one hashed field. */
const EDITS: ReadonlyArray<readonly [string, (document: Document) => void]> = [
  ['the input of a write', (plan) => (write(plan).call.input['message'] = 'something else')],
  ['the undo of a write', (plan) => (write(plan).rollback = { kind: 'none', reason: 'not needed' })],
  ['the checks', (plan) => (plan.checks = [])],
  ['the environment', (plan) => (plan.context = { ...plan.context, environment: 'staging' })],
  ['the constraints', (plan) => (plan.policy = { ...plan.policy, constraints: [] })],
];

interface Document {
  steps: Array<{
    kind: string;
    call: { input: Record<string, unknown> };
    rollback: object;
  }>;
  checks: unknown[];
  context: object;
  policy: { constraints: unknown[] };
}

const write = (plan: Document): Document['steps'][number] => {
  const step = plan.steps.find(({ kind }) => kind === 'write');
  if (step === undefined) throw new Error('The plan has no write.');
  return step;
};

test('a plan that was edited after its genuine approvals causes no effect, whichever hashed field it was', async () => {
  const plans = await world.plans(assistant, EDITS.length);
  await halt(true);
  for (const plan of plans) {
    await approve(assistant, plan, 'alice');
    await approve(assistant, plan, 'bob');
  }
  const { ends, effects } = await attack(plans, async (owner) => {
    for (const [index, plan] of plans.entries()) {
      // The view is a parsed plan, so its JSON is what the row holds.
      const document = structuredClone(plan.plan) as unknown as Document;
      EDITS[index]?.[1](document);
      await owner.editPlan(plan, document);
      await owner.dispatch(plan);
    }
    await resume();
  });
  for (const end of ends) expect(end).not.toMatch(/^(succeeded|rolled_back)/);
  for (const end of ends.filter((each) => each.startsWith('failed')))
    expect(end).toMatch(/other hash|hashes to|0 of 2|no longer lets/);

  expect(effects).toEqual([0, 0]);
});

test('a decision that was taken back stays so, though the database forgets it', async () => {
  const plans = await world.plans(assistant, 3);
  const [revoked, denied, cancelled] = plans as [PlanView, PlanView, PlanView];
  await halt(true);
  for (const plan of [revoked, cancelled]) {
    await approve(assistant, plan, 'alice');
  }
  const first = (await planNow(assistant, revoked.plan.plan_id)).approvals[0]?.approval_id ?? '';
  await assistant.as('bob').call('decideApproval', {
    body: { plan_id: denied.plan.plan_id, plan_hash: denied.plan.plan_hash, verdict: 'deny' },
  });
  await approve(assistant, revoked, 'bob');
  await approve(assistant, cancelled, 'bob');
  await assistant.as('alice').call('revokeApproval', {
    params: { plan_id: revoked.plan.plan_id, approval_id: first },
    body: { reason: 'second thoughts' },
  });
  const run = (await planNow(assistant, cancelled.plan.plan_id)).execution_id ?? '';
  await assistant
    .as('alice')
    .call('cancelExecution', { params: { execution_id: run }, body: { reason: 'no' } });
  for (const plan of [revoked, cancelled]) {
    const { execution_id } = await planNow(assistant, plan.plan.plan_id);
    await endOf(assistant, execution_id ?? '');
  }
  const { ends, effects } = await attack([revoked, cancelled], async (owner) => {
    await owner.query('update approvals set revoked_at = null, revoked_by = null');
    for (const plan of [revoked, cancelled]) await owner.dispatch(plan);
    await resume();
  });

  expect(ends[0]).toMatch(/closed|0 of 2|1 of 2/);
  expect(effects).toEqual([0, 0]);
});

test('a run that has ended is not run again, though the database says that it never ran', async () => {
  const plan = await world.plan(assistant);
  const tips = { alpha: await world.shop.tip('alpha'), beta: await world.shop.tip('beta') };
  await approve(assistant, plan, 'alice');
  const { execution_id } = await approve(assistant, plan, 'bob');
  expect((await endOf(assistant, execution_id ?? '')).execution.status).toBe('succeeded');
  // By hand the branches are put back to where the plan was made for, so that nothing but the claim is in its way.
  await world.shop.reset('alpha', tips.alpha);
  await world.shop.reset('beta', tips.beta);
  const { effects } = await attack([plan], async (owner) => void (await owner.dispatch(plan)));

  expect(effects).toEqual([0, 0]);
});

test('a run that has ended well is not rolled back, though its journal is cut to before its checks', async () => {
  const plan = await world.plan(assistant);
  await approve(assistant, plan, 'alice');
  const { execution_id } = await approve(assistant, plan, 'bob');
  expect((await endOf(assistant, execution_id ?? '')).execution.status).toBe('succeeded');
  world.shop.setOutage(true);
  const { effects } = await attack([plan], async (owner) => {
    const events = await owner.query(
      'select seq, event from durable.journal where run_id = $1 order by seq',
      [execution_id],
    );
    const last = events.findLast(({ event }) => /revert|look/.test(String(event)));
    await owner.query('delete from durable.journal where run_id = $1 and seq > $2', [
      execution_id,
      last?.['seq'],
    ]);
    await owner.query(
      `update dbos.workflow_status set status = 'PENDING', output = null where workflow_uuid = $1`,
      [execution_id],
    );
    await owner.query(`update executions set status = 'running', ended_at = null where execution_id = $1`, [
      execution_id,
    ]);
    await owner.query(`update plans set status = 'executing' where plan_id = $1`, [plan.plan.plan_id]);
  });
  world.shop.setOutage(false);

  expect(effects).toEqual([0, 0]);
});

test('an approval that was taken back does not come back with an older copy of the database', async () => {
  const plan = await world.plan(assistant);
  await approve(assistant, plan, 'alice');
  const { database } = installationPaths(world.installation);
  const backup = join(world.root, 'backup');
  await assistant.stop();
  await cp(database, backup, { recursive: true });
  assistant = await world.start();
  const approval_id = (await planNow(assistant, plan.plan.plan_id)).approvals[0]?.approval_id ?? '';
  await assistant.as('alice').call('revokeApproval', {
    params: { plan_id: plan.plan.plan_id, approval_id },
    body: { reason: 'second thoughts' },
  });
  await assistant.stop();
  await rm(database, { recursive: true });
  await cp(backup, database, { recursive: true });
  assistant = await world.start();

  await expect(approve(assistant, plan, 'bob')).rejects.toThrow('stale');
  const { body } = await assistant.as('alice').call('getHalt', {});
  expect(body.halted).toMatchObject([{ scope: '*', reason: expect.stringContaining('vouches for') }]);
});

/** As `carapulse resume` does it, while the instance is stopped. */
async function resume(): Promise<void> {
  const halts = openHaltDirectory(world.installation);
  expect(await halts.resume('*')).toBe(true);
  halts.close();
}

async function halt(on: boolean): Promise<void> {
  const body = { scope: '*', reason: 'the attack is being prepared' };
  await assistant.as('alice').call(on ? 'setHalt' : 'clearHalt', { body });
}

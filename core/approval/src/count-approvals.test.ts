import type { Constraint } from '@carapulse/policy';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { countApprovals, trustAsAttested } from './count-approvals.ts';
import { distinctGroups } from './distinct-groups.ts';
import { TEST_IDS, TEST_NOW_MS, testKey, testPlan, testStatement, testTrust } from './testing.ts';

const alice = testKey('alice', 'person', { id: 'user:alice', groups: ['sre', 'platform'] });
const bob = testKey('bob', 'person', { id: 'user:bob', groups: ['sre'] });
const carol = testKey('carol', 'person', { id: 'user:carol', groups: ['security'] });
const viewer = testKey('viewer', 'person', { id: 'user:viewer', roles: ['observer'] });
const requester = testKey('requester', 'person', { id: 'user:requester' });
const gateway = testKey('gateway', 'gateway');
const trust = testTrust(...[alice, bob, carol, viewer, requester, gateway].map((key) => key.trusted));

function constrained(...constraints: Constraint[]): ReturnType<typeof testPlan> {
  return testPlan({ policy: { ...testPlan().policy, constraints } });
}

test('tells what is needed, there and missing', async () => {
  const plan = constrained({ kind: 'quorum', approvers: 2, distinct_groups: 2 });
  const one = countApprovals(plan, [await testStatement(plan, alice)], trust, TEST_NOW_MS);
  expect(one).toMatchObject({ needed: 2, have: 1, missing: 1, satisfied: false });
  const two = [await testStatement(plan, alice), await testStatement(plan, bob)];
  expect(countApprovals(plan, two, trust, TEST_NOW_MS)).toMatchObject({
    have: 2,
    missing: 0,
    distinctGroups: { needed: 2, have: 2 },
    satisfied: true,
  });
});

test('one person counts once, whatever they sign', async () => {
  const plan = constrained({ kind: 'quorum', approvers: 2, distinct_groups: 0 });
  const twice = [
    await testStatement(plan, alice),
    await testStatement(plan, gateway, { approver: 'user:alice', nonce: 'another-nonce-here' }),
  ];
  expect(countApprovals(plan, twice, trust, TEST_NOW_MS)).toMatchObject({
    have: 1,
    satisfied: false,
    refused: [{ approver: 'user:alice', reason: 'approver_counted_already' }],
  });
});

test('two approvers of one group do not make two groups', async () => {
  const plan = constrained({ kind: 'quorum', approvers: 2, distinct_groups: 2 });
  const dan = testKey('dan', 'person', { id: 'user:dan', groups: ['sre'] });
  const statements = [await testStatement(plan, bob), await testStatement(plan, dan)];
  const count = countApprovals(plan, statements, testTrust(bob.trusted, dan.trusted), TEST_NOW_MS);
  expect(count).toMatchObject({ have: 2, distinctGroups: { needed: 2, have: 1 }, satisfied: false });
});

test.each([
  ['a group that may not decide', { kind: 'approver_groups', any_of: ['security'] }, 'group_not_allowed', {}],
  [
    'a session where a key is asked for',
    { kind: 'min_assurance', assurance: 'key' },
    'assurance_too_low',
    {
      assurance: 'session' as const,
    },
  ],
  ['a statement that lives too long', { kind: 'approval_ttl', max_ms: 60_000 }, 'ttl_too_long', {}],
] as ReadonlyArray<readonly [string, Constraint, string, object]>)(
  'refuses %s',
  async (_name, constraint, reason, change) => {
    const plan = constrained(constraint);
    const count = countApprovals(plan, [await testStatement(plan, bob, change)], trust, TEST_NOW_MS);
    expect(count.refused).toEqual([{ approver: 'user:bob', reason }]);
    expect(count.satisfied).toBe(false);
  },
);

test('refuses who lacks the permission, is of another tenant, or is no person', async () => {
  const plan = testPlan();
  const foreign = testKey('foreign', 'person', { id: 'user:foreign', tenant_id: 'other' });
  const robot = testKey('robot', 'person', { id: 'service:robot', kind: 'service' });
  const store = testTrust(viewer.trusted, foreign.trusted, robot.trusted);
  const statements = await Promise.all([viewer, foreign, robot].map((key) => testStatement(plan, key)));
  const count = countApprovals(plan, statements, store, TEST_NOW_MS);
  expect(count.refused.map((entry) => entry.reason)).toEqual([
    'not_permitted',
    'other_tenant',
    'not_a_person',
  ]);
});

test('refuses whoever wrote what a machine made the plan from, lets them deny, and counts everybody else', async () => {
  const plan = testPlan({ authors: ['user:bob', 'user:carol'] });
  const given = await Promise.all([bob, alice].map((key) => testStatement(plan, key)));
  const count = countApprovals(plan, given, trust, TEST_NOW_MS);
  expect(count.refused).toEqual([{ approver: 'user:bob', reason: 'self_approval' }]);
  expect(count.approvers).toEqual(['user:alice']);
  const denied = await testStatement(plan, viewer, { verdict: 'deny' });
  expect(countApprovals(plan, [denied], trust, TEST_NOW_MS).deniedBy).toBeNull();
  const own = { ...plan, authors: ['user:viewer'] };
  expect(countApprovals(own, [denied], trust, TEST_NOW_MS).deniedBy).toBe('user:viewer');
});

test('break-glass lets the requester approve their own break-glass plan, for an hour at most', async () => {
  const plan = testPlan({
    incident_id: TEST_IDS.incident,
    origin: { ...testPlan().origin, planner: 'break_glass' },
  });
  const broken = { break_glass: { reason: 'checkout is down', incident_id: TEST_IDS.incident } };
  const short = countApprovals(plan, [await testStatement(plan, requester, broken)], trust, TEST_NOW_MS);
  expect(short).toMatchObject({
    satisfied: true,
    breakGlass: broken,
    breakGlassBy: { id: 'user:requester', kind: 'human', roles: ['operator'], assurance: 'key' },
  });
  const long = await testStatement(plan, requester, { ...broken, expires_at: '2026-01-10T14:00:00.000Z' });
  expect(countApprovals(plan, [long], trust, TEST_NOW_MS).refused[0]?.reason).toBe('ttl_too_long');
  const other = await testStatement(plan, requester, {
    break_glass: { reason: 'x', incident_id: `inc_${'1'.repeat(26)}` },
  });
  expect(countApprovals(plan, [other], trust, TEST_NOW_MS).refused[0]?.reason).toBe(
    'break_glass_not_allowed',
  );
});

test('an allowed plan needs nobody, a denied one is never satisfied', async () => {
  const policy = testPlan().policy;
  const allowed = testPlan({ policy: { ...policy, decision: 'allow' } });
  expect(countApprovals(allowed, [], trust, TEST_NOW_MS)).toMatchObject({ needed: 0, satisfied: true });
  const denied = testPlan({ policy: { ...policy, decision: 'deny' } });
  const statements = [await testStatement(denied, alice)];
  expect(countApprovals(denied, statements, trust, TEST_NOW_MS).satisfied).toBe(false);
});

test('distinct groups equal the largest assignment found by brute force', () => {
  const groups = fc.array(fc.subarray(['a', 'b', 'c', 'd']), { maxLength: 5 });
  const brute = (rest: ReadonlyArray<readonly string[]>, used: ReadonlySet<string>): number => {
    const [head, ...tail] = rest;
    if (head === undefined) return 0;
    const taken = head
      .filter((group) => !used.has(group))
      .map((group) => 1 + brute(tail, new Set([...used, group])));
    return Math.max(brute(tail, used), ...taken);
  };
  fc.assert(
    fc.property(groups, (list) => {
      expect(distinctGroups(list)).toBe(brute(list, new Set()));
    }),
  );
});

test('what the gateway attested counts only as far as the person may do it now, but undoing and proving look back', async () => {
  const plan = constrained({ kind: 'quorum', approvers: 1, distinct_groups: 0 });
  const attested = [await testStatement(plan, gateway, { approver: 'user:bob' })];
  const demoted = testKey('bob', 'person', { id: 'user:bob', roles: ['observer'] });
  const now = testTrust(gateway.trusted, demoted.trusted);
  expect(countApprovals(plan, attested, trust, TEST_NOW_MS).satisfied).toBe(true);
  expect(countApprovals(plan, attested, now, TEST_NOW_MS)).toMatchObject({
    satisfied: false,
    refused: [{ approver: 'user:bob', reason: 'not_permitted' }],
  });
  expect(countApprovals(plan, attested, trustAsAttested(now), TEST_NOW_MS).satisfied).toBe(true);
  expect(countApprovals(plan, attested, testTrust(gateway.trusted), TEST_NOW_MS).satisfied).toBe(true);
});

import { TEST_IDS, TEST_NOW_MS } from '@carapulse/approval/testing';
import { AppError } from '@carapulse/kernel';
import type { PolicyInput } from '@carapulse/policy';
import { describe, expect, test } from 'vitest';
import { codeOf, newDeps, newRouter, newWorld, notePlan, writeRequest } from './router-harness.testing.ts';
import type { World } from './router-harness.testing.ts';
import { createToolRouter } from './router.ts';
import type { ToolRequest, ToolResponse } from './router-port.ts';

const options = { signal: new AbortController().signal };

describe('a write is refused by name and without effect', () => {
  const plan = notePlan('observable');
  const spoiled = (request: Partial<ToolRequest>) => () => writeRequest(plan, { request });
  const stricter = (world: World, change: Partial<World['decision']>): void => {
    world.decision = { ...world.decision, ...change };
  };
  const cases: ReadonlyArray<
    readonly [string, string, () => Promise<ToolRequest>, ((world: World) => void)?]
  > = [
    ['without an envelope', 'approval_required envelope_missing', spoiled({ envelope: null })],
    [
      'without approvals',
      'approval_required approvals_missing',
      () => writeRequest(plan, { approved: false }),
    ],
    ['with another input', 'approval_invalid request_differs', spoiled({ input: { word: 'evil' } })],
    [
      'with another context',
      'approval_invalid request_differs',
      spoiled({ context: { tenant_id: 'acme', environment: 'staging' } }),
    ],
    [
      'under another execution',
      'approval_invalid request_differs',
      spoiled({ executionId: TEST_IDS.otherExecution }),
    ],
    ['under another key', 'approval_invalid request_differs', spoiled({ idempotencyKey: 'other' })],
    ['with an input that does not parse', 'invalid_input', spoiled({ input: { word: '--flag' } })],
    ['of an unknown action', 'not_supported action_unknown', spoiled({ action: 'erase' })],
    ['of an unknown tool', 'not_supported tool_unknown', spoiled({ tool: 'rm' })],
    [
      'in a second execution of the plan',
      'approval_invalid plan_already_executed',
      () =>
        writeRequest(plan, {
          body: { execution_id: TEST_IDS.otherExecution },
          request: { executionId: TEST_IDS.otherExecution },
        }),
      (world) => world.plans.set(plan.plan_id, TEST_IDS.execution),
    ],
    [
      'under an old epoch',
      'fenced',
      () => writeRequest(plan),
      (world) => {
        world.epoch = 2;
      },
    ],
    [
      'while halted',
      'halted halted',
      () => writeRequest(plan),
      (world) => {
        world.halted = { scope: 'all', reason: 'stop', by: 'user:bob', at: '2026-01-10T12:00:00Z' };
      },
    ],
    [
      'when policy denies now',
      'policy_denied policy_denied',
      () => writeRequest(plan),
      (world) => stricter(world, { decision: 'deny' }),
    ],
    [
      'when policy asks for more approvers now',
      'policy_denied policy_stricter',
      () => writeRequest(plan),
      (world) => stricter(world, { constraints: [{ kind: 'quorum', approvers: 2, distinct_groups: 0 }] }),
    ],
    [
      'when its plan says that nobody need approve and policy does not',
      'policy_denied policy_stricter',
      () =>
        writeRequest(notePlan('observable', { policy: { ...plan.policy, decision: 'allow' } }), {
          approved: false,
        }),
    ],
    [
      'when the tool is another than was planned',
      'plan_stale definition_changed',
      () =>
        writeRequest(notePlan('observable', {}, { call: { ...stepCall(), definition_digest: 'sha256:1' } })),
    ],
    [
      'when its effects are not those approved',
      'plan_stale effects_differ',
      () =>
        writeRequest(
          notePlan(
            'observable',
            {},
            { effects: [{ kind: 'http_send', target: 'note:other', method: 'PUT' }] },
          ),
        ),
    ],
  ];
  const stepCall = () => {
    const call = plan.steps[0]?.call;
    if (call === undefined) throw new Error('the plan has a step');
    return call;
  };
  test.each(cases.map(([name, code, request, prepare]) => ({ name, code, request, prepare })))(
    '$name',
    async ({ code, request, prepare }) => {
      const world = newWorld();
      prepare?.(world);
      expect(await codeOf(newRouter(world, 'observable').execute(await request(), options))).toBe(code);
      expect(world.effects).toBe(0);
      expect(world.journal.size).toBe(0);
    },
  );

  test('when a constraint is broken, of the plan or of today', async () => {
    const world = newWorld();
    const judged: string[][] = [];
    const deps = newDeps(world, 'observable');
    const strict = notePlan('observable', {
      policy: { ...plan.policy, constraints: [{ kind: 'max_write_steps', max: 0 }] },
    });
    world.decision = { ...world.decision, constraints: [{ kind: 'require_rollback' }] };
    const router = createToolRouter({
      ...deps,
      judge: (constraints, facts) => {
        judged.push(constraints.map((constraint) => constraint.kind));
        return facts.writeSteps > 0 ? [{ kind: 'max_write_steps', message: 'Too many writes.' }] : [];
      },
    });
    expect(await codeOf(router.execute(await writeRequest(strict), options))).toBe(
      'policy_denied constraint_violated',
    );
    expect(judged).toEqual([['max_write_steps', 'require_rollback']]);
    expect(world.effects).toBe(0);
  });

  test('under broken glass by what policy says of the person who signed', async () => {
    const world = newWorld();
    const glassPlan = notePlan('observable', {
      incident_id: TEST_IDS.incident,
      origin: { ...plan.origin, planner: 'break_glass' },
    });
    const asked: PolicyInput[] = [];
    const router = createToolRouter({
      ...newDeps(world, 'observable'),
      policy: {
        bundleDigest: () => 'sha256:0',
        decide: (input) => {
          asked.push(input);
          return Promise.resolve({ ...world.decision, decision: 'deny' });
        },
      },
    });
    const statement = { break_glass: { reason: 'checkout is down', incident_id: TEST_IDS.incident } };
    expect(await codeOf(router.execute(await writeRequest(glassPlan, { statement }), options))).toBe(
      'policy_denied policy_denied',
    );
    expect(asked).toMatchObject([
      {
        actor: { id: 'user:alice', kind: 'human', roles: ['operator'] },
        action: { break_glass: statement.break_glass },
      },
    ]);
  });

  test('and every refusal is audited', async () => {
    const world = newWorld();
    await codeOf(
      newRouter(world, 'observable').execute(await writeRequest(plan, { approved: false }), options),
    );
    expect(world.audit).toMatchObject([{ phase: 'refused', outcome: { reason: 'approvals_missing' } }]);
  });
});

test('a rollback runs although policy denies and time is over', async () => {
  const world = newWorld();
  world.word = 'after';
  world.decision = { ...world.decision, decision: 'deny' };
  const late = new Date(TEST_NOW_MS - 7_200_000).toISOString();
  const plan = notePlan('observable', {
    expires_at: new Date(TEST_NOW_MS - 3_600_000).toISOString(),
    max_run_ms: 1000,
  });
  const request = await writeRequest(plan, {
    body: { direction: 'rollback', first_write_at: late },
    statement: { issued_at: late },
  });
  const response: ToolResponse = await newRouter(world, 'observable').execute(request, options);
  expect(response.output).toEqual({ word: 'before' });
});

describe('a read', () => {
  const read = async (): Promise<ToolRequest> => ({
    ...(await writeRequest(notePlan('observable'))),
    action: 'read',
    input: {},
    envelope: null,
  });
  const allowed = (): World => {
    const world = newWorld();
    world.decision = { ...world.decision, decision: 'allow' };
    return world;
  };

  test('needs no envelope, is redacted, kept as evidence and audited', async () => {
    const world = allowed();
    world.word = 'the hunter';
    const response = await newRouter(world, 'observable').execute(await read(), options);
    expect(response.output).toEqual({ word: 'the [redacted]' });
    expect(world.evidence).toEqual([{ word: 'the [redacted]' }]);
    expect(world.audit.map((entry) => entry.phase)).toEqual(['outcome']);
  });

  test('passes policy: anything but allow refuses it', async () => {
    const world = newWorld();
    expect(await codeOf(newRouter(world, 'observable').execute(await read(), options))).toBe(
      'policy_denied policy_denied',
    );
  });

  test('whose output does not parse fails without leaking it', async () => {
    const world = allowed();
    world.word = 'hunter'.repeat(20);
    const work = newRouter(world, 'observable').execute(await read(), options);
    await expect(work).rejects.toMatchObject({
      code: 'tool_failed',
      details: { reason: 'output_unparsable' },
    });
    await expect(work).rejects.not.toThrow(/hunter/);
    expect(world.journal.size).toBe(0);
  });
});

test('a write that another process has taken up since the intent has no effect here', async () => {
  const world = newWorld();
  const deps = newDeps(world, 'observable');
  const assertOurs = () => Promise.reject(new AppError('fenced', 'another process carries it out'));
  const router = createToolRouter({ ...deps, journal: { ...deps.journal, assertOurs } });
  expect(await codeOf(router.execute(await writeRequest(notePlan('observable')), options))).toBe('fenced');
  expect(world.effects).toBe(0);
});

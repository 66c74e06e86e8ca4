import { describe, expect, it } from 'vitest';
import { testPlan, TEST_IDS } from '@carapulse/approval/testing';
import type { ExecutionStatus } from '@carapulse/plan';
import { invoke } from '../operation.ts';
import { createHarness, steeredRun, TOLD } from '../testing/index.ts';
import { cancelExecution, resolveStep, resumeExecution } from './control-execution.ts';

const VERBS = ['cancel', 'resume', 'resolve'] as const;

async function setUp(status: ExecutionStatus = 'parked', status_reason = '', begun = true) {
  const harness = createHarness();
  const plan = testPlan({ context: { tenant_id: 'acme', environment: 'staging' } });
  await harness.storePlan(plan, 'executing');
  const ended = ['succeeded', 'failed', 'rolled_back', 'cancelled', 'held'].includes(status);
  const ended_at = ended ? new Date(harness.nowMs).toISOString() : null;
  const { execution_id } = await harness.queue(plan, { status, status_reason, ended_at });
  const row = {
    execution_id,
    step_id: 'write',
    status: 'outcome_unknown' as const,
    attempts: 1,
    started_at: null,
    ended_at: null,
    detail: '',
    evidence_id: null,
    retry_at: null,
  };
  if (begun) await harness.store.transaction((tx) => tx.upsertStep(row));
  const as = (tenant_id: string) => harness.as({ id: 'user:bob', tenant_id });
  const input = { execution_id, reason: 'I looked' };
  const said = { ...input, step_id: 'write', outcome: 'done' };
  const call = {
    cancel: (change: object = {}, tenant = 'acme') =>
      invoke(cancelExecution, as(tenant), { ...input, ...change }),
    resume: (change: object = {}, tenant = 'acme') =>
      invoke(resumeExecution, as(tenant), { ...input, ...change }),
    resolve: (change: object = {}, tenant = 'acme') =>
      invoke(resolveStep, as(tenant), { ...said, ...change }),
  };
  return { harness, id: execution_id, call };
}

describe.each([
  ['cancel', 'queued', '', {}],
  ['cancel', 'running', '', {}],
  ['cancel', 'rolling_back', '', {}],
  ['cancel', 'parked', '', {}],
  ['resume', 'parked', '', {}],
  ['resume', 'running', 'halted: a drill', {}],
  ['resolve', 'parked', '', { step_id: 'write', outcome: 'done' }],
] as const)('%s tells a run that is %s %s', (verb, status, status_reason, more) => {
  const [action, signal] = [`execution.${verb}`, verb === 'resolve' ? 'resolve_unknown' : verb];
  it('what was asked, after it was audited', async () => {
    const { harness, id, call } = await setUp(status, status_reason);
    expect(await call[verb]()).toMatchObject({ execution_id: id, status });
    expect(harness.signals).toMatchObject([
      { runId: id, name: signal, payload: { ...more, by: 'user:bob', reason: 'I looked' } },
    ]);
    expect(await harness.audit()).toMatchObject([
      {
        action,
        actor: { id: 'user:bob' },
        subject: { kind: 'execution', id },
        context: { environment: 'staging' },
        outcome: { result: 'ok' },
        details: { ...more, reason: 'I looked' },
      },
    ]);
    if (verb === 'resolve')
      expect(harness.signals[0]?.payload).toMatchObject({
        step_id: 'write',
        outcome: 'done',
      });
  });
});

describe.each(VERBS)('%s', (verb) => {
  it.each(['succeeded', 'failed', 'rolled_back', 'cancelled', 'held'] as const)(
    'is refused for a run that has ended %s',
    async (status) => {
      const { harness, call } = await setUp(status);
      expect(await harness.refusal(() => call[verb]())).toMatchObject({ code: 'conflict', audited: [] });
    },
  );

  it('tells nobody what could not be audited', async () => {
    const { harness, call } = await setUp();
    harness.store.beforeCommit = () => {
      throw new Error('the disk is full');
    };
    expect(await harness.refusal(() => call[verb]())).toMatchObject({ code: 'internal', audited: [] });
  });

  it('said twice is told twice: the run takes what it can use', async () => {
    const { harness, call } = await setUp();
    await call[verb]();
    await call[verb]();
    expect(new Set(harness.signals.map(({ signalId }) => signalId)).size).toBe(2);
    expect(await harness.audit()).toHaveLength(2);
  });

  it.each([
    ['an unknown execution', { execution_id: TEST_IDS.otherExecution }, 'acme', 'not_found'],
    ["another tenant's execution", {}, 'other', 'not_found'],
    ['no reason', { reason: '' }, 'acme', 'invalid_input'],
    ['an id of something else', { execution_id: TEST_IDS.plan }, 'acme', 'invalid_input'],
    ['what it does not know', { force: true }, 'acme', 'invalid_input'],
  ])('refuses %s', async (_, change, tenant, code) => {
    const { harness, call } = await setUp();
    expect(await harness.refusal(() => call[verb](change, tenant))).toMatchObject({ code, audited: [] });
  });
});

describe('resolve', () => {
  it.each([
    ['a step that the plan has not', { step_id: 'wirte' }, 'not_found'],
    ['no step', { step_id: '' }, 'invalid_input'],
    ['an outcome that is neither', { outcome: 'perhaps' }, 'invalid_input'],
  ])('refuses %s', async (_, change, code) => {
    const { harness, call } = await setUp();
    expect(await harness.refusal(() => call.resolve(change))).toMatchObject({ code, audited: [] });
  });

  it.each([
    ['of a run that is not parked', 'running', true],
    ['on a step that has not begun', 'parked', false],
  ] as const)('refuses a word %s', async (_, status, begun) => {
    const { harness, call } = await setUp(status, '', begun);
    expect(await harness.refusal(() => call.resolve())).toMatchObject({ code: 'conflict', audited: [] });
  });
});

describe('resume', () => {
  it.each(['queued', 'running', 'rolling_back'] as const)('refuses a run that is %s', async (status) => {
    const { harness, call } = await setUp(status);
    expect(await harness.refusal(() => call.resume())).toMatchObject({ code: 'conflict', audited: [] });
  });
});

describe('a run in the hands of a person', () => {
  it('is resumed by a word that lifts a pause', async () => {
    const run = await steeredRun('paused', TOLD);
    await invoke(resumeExecution, run.as(), { execution_id: run.id, reason: 'go on' });
    expect(run.harness.signals).toMatchObject([{ name: 'resume', payload: { unpause: true } }]);
  });

  it.each([
    ['cancel', cancelExecution, 'taken_over', false, 'exec handback'],
    ['resume', resumeExecution, 'taken_over', false, 'exec handback'],
    ['cancel', cancelExecution, 'paused', true, 'exec resume'],
  ] as const)('refuses %s when it does not fit', async (_, verb, status, stopping, says) => {
    const kind = status === 'paused' ? 'paused' : 'taken_over';
    const held = { kind, by: 'user:eve', reason: 'mine', at_ms: 1 } as const;
    const run = await steeredRun(status, { ...TOLD, stopping, held });
    const call = invoke(verb, run.as(), { execution_id: run.id, reason: 'go on' });
    await expect(call).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining(says) });
    expect(run.harness.signals).toEqual([]);
  });

  it.each(['paused', 'taken_over'] as const)('that is %s takes a word on an unknown step', async (status) => {
    const run = await steeredRun(status, TOLD, { status: 'outcome_unknown' });
    const said = { step_id: 'write', outcome: 'done', reason: 'I looked' };
    await invoke(resolveStep, run.as(), { execution_id: run.id, ...said });
    expect(run.harness.signals).toMatchObject([{ name: 'resolve_unknown', payload: said }]);
  });
});

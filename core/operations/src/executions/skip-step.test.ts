import { toAppError } from '@carapulse/kernel';
import { describe, expect, it } from 'vitest';
import { invoke } from '../operation.ts';
import type { ExecutionRecord } from '../ports/index.ts';
import { steeredRun, TOLD } from '../testing/index.ts';
import { skipStep } from './skip-step.ts';

interface Refused {
  readonly status: ExecutionRecord['status'];
  readonly says: string;
  readonly steering?: ExecutionRecord['steering'];
}
type Run = Awaited<ReturnType<typeof steeredRun>>;
const call = (run: Run, change: object = {}, who: Parameters<Run['as']>[0] = {}) =>
  invoke(skipStep, run.as(who), {
    execution_id: run.id,
    reason: 'I looked into it',
    step_id: 'write',
    ...change,
  });
const ready = () => steeredRun('paused', { ...TOLD, skippable_checks: ['up'] });
const steps = TOLD.steps.map((step) => ({ ...step, skip: 'others take its output' }));

describe('skip-step', () => {
  it('is audited, then told to the run', async () => {
    const run = await ready();
    expect(await call(run)).toMatchObject({ execution_id: run.id });
    const said = { reason: 'I looked into it', step_id: 'write' };
    expect(run.harness.signals).toMatchObject([
      { runId: run.id, name: 'skip', payload: { ...said, by: 'user:bob' } },
    ]);
    expect(await run.harness.audit()).toMatchObject([
      {
        action: 'execution.skip',
        actor: { id: 'user:bob' },
        subject: { kind: 'execution', id: run.id },
        context: { environment: 'staging' },
        details: said,
      },
    ]);
  });

  it('tells nobody what could not be audited', async () => {
    const run = await ready();
    run.harness.store.beforeCommit = () => {
      throw new Error('the disk is full');
    };
    expect(await run.harness.refusal(() => call(run))).toMatchObject({ code: 'internal', audited: [] });
  });

  it.each([
    { status: 'failed', says: 'has ended' },
    { status: 'running', says: 'exec pause' },
    { status: 'parked', says: 'exec pause' },
    { status: 'parked', says: 'others take its output', steering: { ...TOLD, steps } },
  ] satisfies readonly Refused[])(
    'is refused for a run that is $status: $says',
    async ({ status, says, steering }: Refused) => {
      const run = await steeredRun(status, steering ?? null);
      await expect(call(run)).rejects.toMatchObject({
        code: 'conflict',
        message: expect.stringContaining(says),
      });
      expect(await run.harness.refusal(() => call(run))).toMatchObject({ code: 'conflict', audited: [] });
    },
  );

  it.each([
    ['no reason', { reason: '' }, {}, 'invalid_input'],
    ['what it does not know', { force: true }, {}, 'invalid_input'],
    ["another tenant's run", {}, { tenant_id: 'other' }, 'not_found'],
    ['a step that the plan has not', { step_id: 'wirte' }, {}, 'not_found'],
    ['neither step nor check', { step_id: undefined }, {}, 'invalid_input'],
    ['both', { check_id: 'up' }, {}, 'invalid_input'],
    ['a check that is not inconclusive', { step_id: undefined, check_id: 'down' }, {}, 'conflict'],
  ] as const)('refuses %s', async (_, change, who, code) => {
    const run = await ready();
    expect(await run.harness.refusal(() => call(run, change, who))).toMatchObject({ code, audited: [] });
  });

  it.each(['agent', 'service'] as const)(
    'is for people: an actor that is %s is refused, audited',
    async (kind) => {
      const run = await ready();
      const refusal = await run.harness.refusal(() => call(run, {}, { kind }));
      expect(refusal).toMatchObject({ code: 'forbidden', audited: ['operation.refuse'] });
    },
  );

  it('takes an inconclusive check of the end', async () => {
    const run = await ready();
    await call(run, { step_id: undefined, check_id: 'up' });
    expect(run.harness.signals).toMatchObject([{ name: 'skip', payload: { check_id: 'up' } }]);
  });

  it('asks policy in the name of the person, and holds to a denial', async () => {
    const run = await ready();
    await call(run);
    expect(run.harness.asked).toMatchObject([
      {
        actor: { id: 'user:bob' },
        action: { tool: 'plan', name: 'skip', phase: 'dispatch', input: { skip: { step_id: 'write' } } },
      },
    ]);
    const denied = await ready();
    denied.harness.decision = { ...denied.harness.decision, decision: 'deny' };
    expect(await denied.harness.refusal(() => call(denied))).toMatchObject({ code: 'policy_denied' });
  });

  it.each([
    ['of which an attempt may have taken effect is not', 'failed', 'intent', 'conflict'],
    ['that took effect is, for its check', 'succeeded', 'done', 'told'],
  ] as const)('skips: a write %s', async (_, status, state, expected) => {
    const run = await steeredRun('parked', TOLD, { status });
    await run.harness.store.transaction((tx) =>
      tx.insertToolCall({
        key: `${run.id}/write/forward`,
        tool: 'note',
        action: 'write',
        kind: 'write',
        input_digest: 'sha256:0',
        execution_id: run.id,
        epoch: 1,
        state,
        response: null,
        code: null,
        begun_at: run.plan.created_at,
        ended_at: state === 'intent' ? null : run.plan.created_at,
      }),
    );
    const answer = await call(run).then(
      () => 'told',
      (error: unknown) => toAppError(error).code,
    );
    expect(answer).toBe(expected);
  });
});

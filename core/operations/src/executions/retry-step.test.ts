import { describe, expect, it } from 'vitest';
import { invoke } from '../operation.ts';
import type { ExecutionRecord } from '../ports/index.ts';
import { steeredRun, TOLD } from '../testing/index.ts';
import { retryStep } from './retry-step.ts';

interface Refused {
  readonly status: ExecutionRecord['status'];
  readonly says: string;
  readonly steering?: ExecutionRecord['steering'];
}
type Run = Awaited<ReturnType<typeof steeredRun>>;
const call = (run: Run, change: object = {}, who: Parameters<Run['as']>[0] = {}) =>
  invoke(retryStep, run.as(who), {
    execution_id: run.id,
    reason: 'I looked into it',
    step_id: 'write',
    ...change,
  });
const ready = () => steeredRun('paused', TOLD);
const steps = TOLD.steps.map((step) => ({ ...step, retry: 'look, then use exec resolve' }));

describe('retry-step', () => {
  it('is audited, then told to the run', async () => {
    const run = await ready();
    expect(await call(run)).toMatchObject({ execution_id: run.id });
    const said = { reason: 'I looked into it', step_id: 'write' };
    expect(run.harness.signals).toMatchObject([
      { runId: run.id, name: 'retry', payload: { ...said, by: 'user:bob' } },
    ]);
    expect(await run.harness.audit()).toMatchObject([
      {
        action: 'execution.retry',
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
    { status: 'rolling_back', says: 'exec pause' },
    { status: 'parked', says: 'exec pause' },
    { status: 'parked', says: 'exec resolve', steering: { ...TOLD, steps } },
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
    ['no step', { step_id: '' }, {}, 'invalid_input'],
  ] as const)('refuses %s', async (_, change, who, code) => {
    const run = await ready();
    expect(await run.harness.refusal(() => call(run, change, who))).toMatchObject({ code, audited: [] });
  });
});

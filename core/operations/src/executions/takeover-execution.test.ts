import { describe, expect, it } from 'vitest';
import { invoke } from '../operation.ts';
import type { ExecutionRecord } from '../ports/index.ts';
import { steeredRun, TOLD } from '../testing/index.ts';
import { takeoverExecution } from './takeover-execution.ts';

interface Refused {
  readonly status: ExecutionRecord['status'];
  readonly says: string;
  readonly steering?: ExecutionRecord['steering'];
}
type Run = Awaited<ReturnType<typeof steeredRun>>;
const call = (run: Run, change: object = {}, who: Parameters<Run['as']>[0] = {}) =>
  invoke(takeoverExecution, run.as(who), { execution_id: run.id, reason: 'I looked into it', ...change });
const TAKEN = { ...TOLD, held: { kind: 'taken_over' as const, by: 'user:eve', reason: 'mine', at_ms: 1 } };
const ready = () => steeredRun('paused', TOLD, {});

describe('takeover-execution', () => {
  it('is audited, then told to the run', async () => {
    const run = await ready();
    expect(await call(run)).toMatchObject({ execution_id: run.id });
    const said = { reason: 'I looked into it' };
    expect(run.harness.signals).toMatchObject([
      { runId: run.id, name: 'takeover', payload: { ...said, by: 'user:bob' } },
    ]);
    expect(await run.harness.audit()).toMatchObject([
      {
        action: 'execution.takeover',
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
    { status: 'queued', says: 'exec cancel' },
    { status: 'taken_over', says: 'was taken over by user:eve', steering: TAKEN },
    { status: 'paused', says: 'was taken over by user:eve', steering: TAKEN },
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
    ['a reason that is none', { reason: 'now' }, {}, 'invalid_input'],
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

  it('is announced and due for review, with the state of the steps at that instant', async () => {
    const run = await ready();
    await call(run);
    const steps = [{ step_id: 'write', status: 'failed', attempts: 1 }];
    expect(await run.harness.audit()).toMatchObject([
      { details: { review: 'due', status: 'paused', steps } },
    ]);
    expect(run.harness.logged.join()).toContain('a run was taken over');
  });
});

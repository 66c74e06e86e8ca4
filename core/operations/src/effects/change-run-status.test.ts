import type { Steering, TransitionInput } from '@carapulse/workflows';
import { describe, expect, it } from 'vitest';
import { steeredRun, TOLD } from '../testing/index.ts';
import { changeRunStatus } from './change-run-status.ts';

type Run = Awaited<ReturnType<typeof steeredRun>>;
const { signal } = new AbortController();

const change = (run: Run, input: Omit<TransitionInput, 'execution_id'>) =>
  changeRunStatus(run.harness.services, { execution_id: run.id, ...input }, signal);
const stored = (run: Run) => run.harness.store.read.execution('acme', run.id);
const planOf = async (run: Run) => (await run.harness.store.read.plan('acme', run.plan.plan_id))?.status;
const lines = async (run: Run) => (await run.harness.store.read.logs(run.id, 0, 100)).map(({ text }) => text);

describe('a run that is paused', () => {
  it('is shown so, with all that it tells; its plan goes on executing and followers of its log see it', async () => {
    const run = await steeredRun('running');
    await change(run, { status: 'paused', reason: 'paused by user:bob: look', steering: TOLD });
    expect(await stored(run)).toMatchObject({ status: 'paused', steering: TOLD });
    expect(await planOf(run)).toBe('executing');
    await change(run, { status: 'running', reason: 'The run goes on.', steering: { ...TOLD, held: null } });
    expect(await stored(run)).toMatchObject({ status: 'running', steering: { held: null } });
    expect(await lines(run)).toEqual(['paused by user:bob: look', 'paused no more']);
  });

  it('is told again only when something changed', async () => {
    const run = await steeredRun('running');
    const input = { status: 'paused', reason: 'paused', steering: TOLD } as const;
    await change(run, input);
    await change(run, input);
    expect(await run.harness.audit()).toHaveLength(1);
    await change(run, { ...input, steering: { ...TOLD, stopping: true } });
    expect(await run.harness.audit()).toHaveLength(2);
    expect(await lines(run)).toHaveLength(1);
  });

  it('has a row for each step that a person skipped, none for skipped checks', async () => {
    const run = await steeredRun('paused', TOLD);
    const said = { by: 'user:bob', reason: 'told them by phone', at_ms: 0 };
    const skipped: Steering['skipped'] = [
      { step_id: 'write', check_ids: ['ok'], ...said },
      { step_id: null, check_ids: ['up'], ...said },
    ];
    await change(run, { status: 'paused', reason: '', steering: { ...TOLD, skipped } });
    expect(await run.harness.store.read.steps(run.id)).toEqual([]);
    const more = [...skipped, { step_id: 'write', check_ids: [], ...said }];
    await change(run, { status: 'running', reason: '', steering: { ...TOLD, skipped: more } });
    expect(await run.harness.store.read.steps(run.id)).toMatchObject([
      { step_id: 'write', status: 'skipped', detail: 'skipped by user:bob: told them by phone' },
    ]);
  });
});

it('a run that was taken over is its plan’s to decide, audited with the state of each step', async () => {
  const run = await steeredRun('paused', TOLD);
  const held = { kind: 'taken_over', by: 'user:bob', reason: 'mine', at_ms: 1 } as const;
  await change(run, { status: 'taken_over', reason: 'taken over', steering: { ...TOLD, held } });
  expect(await planOf(run)).toBe('parked');
  expect(await run.harness.audit()).toMatchObject([
    {
      action: 'execution.taken_over',
      details: { steps: [{ step_id: 'write', phase: 'failed', attempt: 1 }] },
    },
  ]);
});

it('a run that is parked pages once, however often what it tells changes', async () => {
  const run = await steeredRun('running');
  await change(run, { status: 'parked', reason: 'unknown', steering: TOLD });
  await change(run, { status: 'parked', reason: 'unknown', steering: { ...TOLD, held: null } });
  expect(run.harness.logged.filter((line) => line.includes('parked'))).toHaveLength(1);
});

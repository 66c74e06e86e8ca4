import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError } from '@carapulse/kernel';
import type { DurableEngine, PlanActivities } from '@carapulse/workflows';
import { attemptKey, planHandlers, planMachine, planRunInput } from '@carapulse/workflows';
import { probeMachine } from '@carapulse/workflows/testing/probe';
import { aCheck, aPlan, aStep, anUndo } from '@carapulse/workflows/testing/plan';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDbosEngine } from './dbos-engine.ts';
import { createJournalSchema } from './journal-schema.ts';
import { Journal } from './journal.ts';
import type { OpenPool } from './testing/pglite-place.ts';
import { openPglite } from './testing/pglite-place.ts';

const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };

describe('a plan on DBOS', () => {
  let root = '';
  let opened: OpenPool;
  let engine: DurableEngine;
  const done: string[] = [];
  let halted = false;
  let bad = '';

  const activities: PlanActivities = {
    begin: async () => undefined,
    check: async ({ check_id: id }) => ({
      verdict: id === bad ? 'failed' : 'passed',
      reason: '',
      samples: [],
    }),
    step: async ({ execution_id: run, step_id: step, direction, attempt }) => {
      if (halted) throw new AppError('halted', 'Writes are halted.');
      done.push(attemptKey(run, step, direction, attempt));
      return { output: {}, evidence_id: null, effect_at_ms: Date.now() };
    },
    transition: async ({ execution_id: run, status }) => void done.push(`${run}/${status}`),
    finish: async ({ execution_id: run, result }) => void done.push(`${run}/${result.status}`),
  };

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'plan-run-'));
    opened = await openPglite(join(root, 'data'));
    engine = await createDbosEngine({
      pool: opened.pool,
      machines: [planMachine, probeMachine()],
      activities: { ...planHandlers(activities), work: async () => ({}) },
      clock,
      pollMs: 20,
    });
    await engine.recover();
  });

  afterAll(async () => {
    await engine.close(1000);
    await opened.close();
    await rm(root, { recursive: true, force: true });
  });

  it('runs its steps in the order of the graph', async () => {
    const steps = [
      aStep('a', 'read'),
      aStep('b', 'read'),
      aStep('c', 'write', ['a']),
      aStep('d', 'write', ['b', 'c']),
    ];
    await engine.start('good', 'plan', planRunInput('good', aPlan(steps, [aCheck('up')])));
    const end = await engine.wait('good', AbortSignal.timeout(20_000));
    expect(end).toMatchObject({ kind: 'ended', result: { status: 'succeeded' } });
    const mine = done.filter((line) => line.startsWith('good/'));
    expect(mine.toSorted()).toEqual(
      ['good/a/1', 'good/b/1', 'good/c/1', 'good/d/1', 'good/succeeded'].toSorted(),
    );
    expect(mine.slice(-2)).toEqual(['good/d/1', 'good/succeeded']);
  });

  it('undoes its writes when its check fails', async () => {
    bad = 'broken';
    const steps = [aStep('a', 'write'), aStep('b', 'write', ['a'], { rollback: anUndo([aCheck('back')]) })];
    await engine.start('bad', 'plan', planRunInput('bad', aPlan(steps, [aCheck('broken')])));
    const end = await engine.wait('bad', AbortSignal.timeout(20_000));
    expect(end).toMatchObject({ kind: 'ended', result: { status: 'rolled_back' } });
    expect(done.filter((line) => line.startsWith('bad/'))).toEqual([
      'bad/a/1',
      'bad/b/1',
      'bad/rolling_back',
      'bad/b/rollback/1',
      'bad/a/rollback/1',
      'bad/rolled_back',
    ]);
  });

  it('waits on a halt for a signal that another process posts, and keeps the attempt', async () => {
    halted = true;
    await engine.start('halt', 'plan', planRunInput('halt', aPlan([aStep('w', 'write')])));
    await expect.poll(() => done.includes('halt/halted'), { timeout: 45_000, interval: 5 }).toBe(true);
    halted = false;
    await createJournalSchema(opened.pool);
    await new Journal(opened.pool, undefined).post('halt', 'by-hand', 'resume', '{}');
    expect(await engine.wait('halt', AbortSignal.timeout(20_000))).toMatchObject({ kind: 'ended' });
    expect(done.filter((line) => line.startsWith('halt/'))).toEqual([
      'halt/halted',
      'halt/running',
      'halt/w/1',
      'halt/succeeded',
    ]);
  });

  it('leaves nothing in DBOS but that a run exists, also of one that starts others', async () => {
    const kid = { work: [{ key: 'x', after: [] }] };
    const children = ['one', 'two'].map((key) => ({ key, after: [], machine: 'probe', input: kid }));
    await engine.start('parent', 'probe', { work: [], children });
    expect(await engine.wait('parent', AbortSignal.timeout(20_000))).toMatchObject({ kind: 'ended' });
    // Steps are what its recovery would go through by their order.
    const steps = await opened.pool.query('SELECT function_name FROM dbos.operation_outputs');
    expect(steps.rows).toEqual([]);
    const family = `SELECT 1 FROM dbos.workflow_status WHERE workflow_uuid LIKE 'parent%'`;
    expect((await opened.pool.query(family)).rows).toHaveLength(3);
  });

  it('refuses a second engine in one process, and a machine that it lacks', async () => {
    const options = { pool: opened.pool, machines: [], activities: {}, clock };
    await expect(createDbosEngine(options)).rejects.toMatchObject({ code: 'conflict' });
    await expect(engine.start('x', 'nothing', {})).rejects.toMatchObject({ code: 'not_supported' });
  });
});

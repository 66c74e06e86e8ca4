import { describe, expect, it } from 'vitest';
import { testCall, testPlan } from '@carapulse/approval/testing';
import { AppError, type JsonValue } from '@carapulse/kernel';
import type { Check } from '@carapulse/plan';
import type { CheckInput } from '@carapulse/workflows';
import { createHarness } from '../testing/index.ts';
import { runCheck } from './run-check.ts';

const ABORT = new AbortController().signal;
const CHECK = {
  check_id: 'healthy',
  title: 'it is healthy',
  call: testCall({}),
  expect: [{ pointer: '/status', op: 'eq' as const, value: 200 }],
  samples: { required: 2, interval_ms: 1000, within_ms: 5000 },
  must_fail_before: true,
};
const UP = { status: 200 };
const DOWN = { status: 500 };
const BROKEN = new AppError('unavailable', 'no route');

async function setUp(answers: ReadonlyArray<JsonValue | AppError>, change: Partial<Check> = {}) {
  const harness = createHarness();
  const plan = testPlan({ checks: [{ ...CHECK, ...change }] });
  await harness.storePlan(plan, 'executing');
  const { execution_id } = await harness.queue(plan, { status: 'running' });
  harness.answer = () => {
    const said = answers[harness.calls.length - 1] ?? answers.at(-1);
    if (said instanceof AppError) throw said;
    return said ?? null;
  };
  const ask = (change: Partial<CheckInput> = {}) =>
    runCheck(
      harness.services,
      {
        execution_id,
        check_id: 'healthy',
        step_id: null,
        phase: 'after',
        outputs: {},
        newer_than_ms: null,
        ...change,
      },
      ABORT,
    );
  return { harness, id: execution_id, ask };
}

describe('run-check', () => {
  it.each([
    ['after', [UP], 'passed', 2],
    ['after', [DOWN, UP, UP], 'passed', 3],
    ['after', [UP, DOWN], 'failed', 7],
    ['after', [DOWN], 'failed', 7],
    ['after', [DOWN, BROKEN], 'inconclusive', 7],
    ['after', [BROKEN], 'inconclusive', 7],
    ['after', [UP, BROKEN, UP, BROKEN], 'inconclusive', 7],
    ['before', [DOWN], 'failed', 1],
    ['before', [UP, DOWN], 'failed', 2],
    ['before', [UP], 'passed', 2],
    ['before', [BROKEN], 'inconclusive', 7],
  ] as const)('%s: %j is %s after %i samples', async (phase, answers, verdict, samples) => {
    const { harness, id, ask } = await setUp(answers);
    const said = await ask({ phase });
    expect(said.verdict).toBe(verdict);
    expect(harness.calls).toHaveLength(samples);
    expect(await harness.store.read.checks(id)).toMatchObject([{ check_id: 'healthy', verdict }]);
  });

  it('waits little at first for what is not so yet, and a whole interval between what counts', async () => {
    const { harness, ask } = await setUp([DOWN, DOWN, DOWN, DOWN, DOWN, UP, DOWN, UP, UP], {
      samples: { required: 2, interval_ms: 1000, within_ms: 60_000 },
    });
    const { answer, nowMs } = harness;
    const asked: number[] = [];
    harness.answer = (request) => {
      asked.push(harness.nowMs - nowMs);
      return answer(request);
    };
    expect((await ask()).verdict).toBe('passed');
    expect(asked).toEqual([0, 200, 600, 1400, 2400, 3400, 4400, 5400, 6400]);
  });

  it.each([
    ['2026-01-10T12:00:01.000Z', 'passed'],
    ['2026-01-10T12:00:00.000Z', 'inconclusive'],
    ['2026-01-10T11:59:00.000Z', 'inconclusive'],
    ['yesterday', 'inconclusive'],
    [17_000, 'inconclusive'],
    [null, 'inconclusive'],
  ] as const)('an answer sampled at %s after a write at 12:00 is %s', async (sampled_at, verdict) => {
    const { harness, ask } = await setUp([{ ...UP, sampled_at }]);
    expect((await ask({ newer_than_ms: harness.nowMs })).verdict).toBe(verdict);
  });

  it.each([
    [1, 'passed'],
    [0, 'inconclusive'],
    [-60_000, 'inconclusive'],
    [null, 'inconclusive'],
  ] as const)('an answer that was scraped %s ms after the write is %s', async (afterMs, verdict) => {
    const { harness, ask } = await setUp([UP]);
    const written = harness.nowMs;
    harness.nowMs += 1000;
    const age = () => (afterMs === null ? 'young' : harness.nowMs - written - afterMs);
    harness.answer = () => ({ ...UP, sample_age_ms: age() });
    expect((await ask({ newer_than_ms: written })).verdict).toBe(verdict);
  });

  it.each([
    [5, 'passed', ''],
    [6, 'failed', 'wanted lte 5 (2 × 2 of write + 1)'],
  ] as const)('%s is %s where the bound comes from an earlier step', async (value, verdict, told) => {
    const relative = { from_step: 'write', from_pointer: '/value', factor: 2, plus: 1 };
    const expectation = { pointer: '/value', op: 'lte' as const, value: null, relative };
    const { ask } = await setUp([{ value }], {
      expect: [expectation],
      must_fail_before: false,
    });
    const said = await ask({ outputs: { write: { value: 2 } } });
    expect(said.verdict).toBe(verdict);
    expect(said.reason).toContain(told);
    expect((await ask()).verdict).toBe('inconclusive');
  });

  it('keeps the leases of its run while it samples', async () => {
    const { harness, id, ask } = await setUp([DOWN]);
    const until = async () => (await harness.store.read.leases())[0]?.expires_at ?? '';
    await harness.store.transaction((tx) =>
      tx.acquireLeases(
        ['note:word'],
        id,
        1,
        new Date(harness.nowMs).toISOString(),
        new Date(harness.nowMs + 2000).toISOString(),
      ),
    );
    const answer = harness.answer;
    harness.answer = async (request) => {
      expect(Date.parse(await until())).toBeGreaterThan(harness.nowMs);
      return answer(request);
    };
    expect((await ask()).verdict).toBe('failed');
  });

  it('is not answered when it was aborted: the run asks again', async () => {
    const { harness, id, ask } = await setUp([new AppError('cancelled', 'aborted')]);
    await expect(ask()).rejects.toMatchObject({ code: 'cancelled' });
    expect(await harness.store.read.checks(id)).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import { testPlan, TEST_IDS } from '@carapulse/approval/testing';
import { invoke } from '../operation.ts';
import { createHarness } from '../testing/index.ts';
import { readLogs } from './read-logs.ts';

async function setUp() {
  const harness = createHarness();
  const plan = testPlan();
  await harness.storePlan(plan, 'executing');
  const execution = await harness.queue(plan, { status: 'running' });
  const { execution_id } = execution;
  const say = (...texts: string[]) =>
    harness.store.transaction((tx) =>
      tx.appendLogs(
        execution_id,
        texts.map((text) => ({ at: execution.queued_at, step_id: 'write', stream: 'stdout', text })),
      ),
    );
  const read = async (input: object = {}, tenant_id = 'acme') => {
    const context = harness.as({ id: 'user:bob', tenant_id });
    const { execution: found, lines } = await invoke(readLogs, context, { execution_id, ...input });
    return { status: found.status, ended: found.ended_at !== null, lines: lines.map(({ text }) => text) };
  };
  return { harness, execution, say, read };
}

describe('read-logs', () => {
  it('gives the lines after a number, at most so many, in order, and how the run stands', async () => {
    const { say, read } = await setUp();
    await say('a', 'b', 'c');
    expect(await read()).toEqual({ status: 'running', ended: false, lines: ['a', 'b', 'c'] });
    expect((await read({ after_seq: 1, limit: 1 })).lines).toEqual(['b']);
    expect((await read({ after_seq: 3 })).lines).toEqual([]);
  });

  it('never says that a run has ended and misses its last line', async () => {
    const { harness, execution, say, read } = await setUp();
    const before = { ...harness.store.read };
    harness.store.read.logs = async (...args) => {
      await say('the last');
      await harness.store.transaction((tx) =>
        tx.updateExecution(execution.execution_id, 1, {
          status: 'succeeded',
          ended_at: execution.queued_at,
        }),
      );
      return before.logs(...args);
    };
    expect(await read()).toEqual({ status: 'running', ended: false, lines: ['the last'] });
  });

  it.each([
    ['an unknown execution', { execution_id: TEST_IDS.otherExecution }, 'acme', 'not_found'],
    ["another tenant's", {}, 'other', 'not_found'],
    ['a number below zero', { after_seq: -1 }, 'acme', 'invalid_input'],
    ['more lines than it gives at once', { limit: 1001 }, 'acme', 'invalid_input'],
  ])('refuses %s', async (_, input, tenant, code) => {
    const { harness, read } = await setUp();
    expect(await harness.refusal(() => read(input, tenant))).toMatchObject({ code, audited: [] });
  });
});

import { EventEmitter } from 'node:events';
import { testPlan } from '@carapulse/approval/testing';
import { createHarness, type Harness } from '@carapulse/operations/testing';
import { beforeEach, expect, test } from 'vitest';
import { streamLogs } from './log-stream.ts';

let harness: Harness;
let executionId: string;
beforeEach(async () => {
  harness = createHarness();
  const plan = testPlan();
  await harness.storePlan(plan, 'executing');
  executionId = (await harness.queue(plan, { status: 'running', status_reason: 'at work' })).execution_id;
});

const append = (texts: readonly string[]): Promise<void> =>
  harness.store.transaction((tx) =>
    tx.appendLogs(
      executionId,
      texts.map((text) => ({
        at: '2026-01-10T12:00:00.000Z',
        step_id: null,
        stream: 'event' as const,
        text,
      })),
    ),
  );

/** What was written once the stream has ended by itself; pings are left out. */
async function streamed(lastSeq: number, refusedFromMs: number) {
  const written: string[] = [];
  const response = Object.assign(new EventEmitter(), {
    write: (text: string) => {
      if (written.push(text) > 2000) throw new Error('the stream does not end');
      return true;
    },
  });
  await streamLogs(harness.as({ id: 'user:a' }), { executionId, lastSeq, refusedFromMs }, response);
  return written
    .filter((text) => !text.startsWith(':'))
    .map((text) => JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? '') as Record<string, unknown>);
}

test('ends when the token is refused, says so, and is read on from there with a new one', async () => {
  await append(['one', 'two']);
  const nowMs = harness.nowMs;
  const first = await streamed(0, nowMs + 20_000);
  expect(first).toMatchObject([{ seq: 1 }, { seq: 2 }, { status: 'running', reconnect: true }]);
  expect(harness.nowMs).toBe(nowMs + 20_000);
  await append(['three']);
  expect(await streamed(2, harness.nowMs)).toMatchObject([{ seq: 3 }, { reconnect: true }]);
});

test('ends when the token is refused also while a long log is still being read', async () => {
  await append(Array.from({ length: 1200 }, (_, index) => `line ${index}`));
  const first = await streamed(0, harness.nowMs);
  expect(first).toHaveLength(501);
  expect(first.at(-1)).toMatchObject({ reconnect: true });
});

test('ends for good with the run, whatever the token', async () => {
  await append(['one']);
  await harness.store.transaction((tx) =>
    tx.updateExecution(executionId, 1, {
      status: 'failed',
      status_reason: 'no luck',
      ended_at: '2026-01-10T12:00:00.000Z',
    }),
  );
  expect((await streamed(0, harness.nowMs)).at(-1)).toEqual({
    status: 'failed',
    reason: 'no luck',
    reconnect: false,
  });
});

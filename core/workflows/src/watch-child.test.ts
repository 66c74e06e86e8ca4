import type { JsonObject } from '@carapulse/kernel';
import { AppError } from '@carapulse/kernel';
import { describe, expect, it } from 'vitest';
import type { RunStatus } from './durable-engine.ts';
import { childRunId } from './durable-engine.ts';
import type { ChildOrder } from './watch-child.ts';
import { watchChild } from './watch-child.ts';

const ENDED: RunStatus = { kind: 'ended', result: { n: 1 } };
const STUCK: RunStatus = { kind: 'stuck', reason: 'no' };

/** Watches a child of which each look sees the next status, or fails by the next error. */
function watch(seen: readonly (RunStatus | Error)[], change: Partial<ChildOrder> = {}) {
  const calls: string[] = [];
  const gone = new AbortController();
  let looks = 0;
  const engine = {
    start: async (runId: string, machine: string, input: JsonObject) => {
      calls.push(`start ${runId} ${machine} ${JSON.stringify(input)}`);
      return 'exists' as const;
    },
    signal: async (runId: string, id: string, name: string) => void calls.push(`${name} ${runId} ${id}`),
    wait: async () => {
      const next = seen[looks];
      looks += 1;
      if (next === undefined) gone.abort();
      if (next === undefined || next instanceof Error) throw next ?? new AppError('cancelled', 'gone');
      return next;
    },
  };
  const after = (_ms: number, call: () => void): (() => void) => {
    const soon = setImmediate(call);
    return () => clearImmediate(soon);
  };
  const command = { key: 'k', machine: 'm', input: { a: 1 } };
  const order = { parentRunId: 'p', command, cancelled: false, knownStuck: false, ...change };
  return { calls, outcome: watchChild(order, { engine, signal: gone.signal, after }) };
}

describe('a child that is watched', () => {
  it('is started under an id of its own, and told of a cancel once by its id', async () => {
    const { calls, outcome } = watch([ENDED], { cancelled: true });
    expect(await outcome).toEqual(ENDED);
    expect(calls).toEqual(['start p/child/k m {"a":1}', 'cancel p/child/k parent/cancel']);
    expect(childRunId('p', 'a/b')).not.toBe(childRunId('p/child/a', 'b'));
  });

  it('is asked for again while the engine does not answer', async () => {
    const away = new AppError('unavailable', 'away', { retryable: true });
    expect(await watch([away, new Error('connection lost'), ENDED]).outcome).toEqual(ENDED);
  });

  it('is stuck when it is, when it cannot be started, and when nobody knows it any more', async () => {
    expect(await watch([STUCK]).outcome).toEqual(STUCK);
    expect(await watch([new AppError('not_supported', 'no machine')]).outcome).toEqual({
      kind: 'stuck',
      reason: 'no machine',
    });
    expect(await watch([{ kind: 'absent' }]).outcome).toMatchObject({ kind: 'stuck' });
  });

  it('has only its end to tell once it is known to be stuck, and nothing when nobody asks', async () => {
    expect(await watch([STUCK, STUCK, ENDED], { knownStuck: true }).outcome).toEqual(ENDED);
    expect(await watch([STUCK], { knownStuck: true }).outcome).toBeNull();
  });
});

import { describe, expect, it } from 'vitest';
import type { Store } from '../ports/index.ts';
import { createHarness } from '../testing/index.ts';
import { createToolCallJournal } from './tool-call-journal.ts';

const CALL = {
  key: 'ex/write/forward',
  tool: 'git',
  action: 'revert',
  kind: 'write',
  inputDigest: 'sha256:1',
  executionId: null,
  epoch: 1,
} as const;
const RESPONSE = { output: { a: 1 }, repeated: false, evidenceId: 'ev_1', durationMs: 3 };

function setUp(store?: (real: Store) => Store) {
  const harness = createHarness();
  const journalOf = (process: number) =>
    createToolCallJournal({
      store: store?.(harness.store) ?? harness.store,
      clock: harness.services.clock,
      claimPlan: async (_, executionId) => executionId,
      process,
    });
  return { harness, journal: journalOf(1), other: journalOf(2) };
}

const withLiving = (living: ReadonlySet<number>) => (real: Store) => ({
  ...real,
  transaction: real.transaction.bind(real),
  read: { ...real.read, livingProcesses: async () => living },
});

describe('the journal of tool calls', () => {
  it('knows a call that was begun, done and failed', async () => {
    const { journal } = setUp();
    expect(await journal.begin(CALL)).toEqual({ kind: 'new' });
    expect(await journal.begin(CALL)).toEqual({ kind: 'interrupted' });
    await journal.finish(CALL.key, { kind: 'done', response: RESPONSE }, null);
    expect(await journal.begin(CALL)).toEqual({ kind: 'done', response: RESPONSE });
  });

  it('refuses another input under a known key', async () => {
    const { journal } = setUp();
    await journal.begin(CALL);
    await expect(journal.begin({ ...CALL, inputDigest: 'sha256:2' })).rejects.toMatchObject({
      code: 'conflict',
    });
  });

  it('forgets a call that certainly did nothing', async () => {
    const { journal } = setUp();
    await journal.begin(CALL);
    await journal.finish(CALL.key, { kind: 'not_done' }, null);
    expect(await journal.begin(CALL)).toEqual({ kind: 'new' });
  });

  it('has the intent on disk when it answers new, also when the known row went away meanwhile', async () => {
    let vanished = false;
    const { harness, journal } = setUp((real) => ({
      ...real,
      transaction: real.transaction.bind(real),
      read: {
        ...real.read,
        toolCall: async (key) => {
          if (!vanished) {
            vanished = true;
            await real.transaction((tx) => tx.deleteToolCall(key, 1));
          }
          return real.read.toolCall(key);
        },
      },
    }));
    await journal.begin(CALL);
    expect(await journal.begin(CALL)).toEqual({ kind: 'new' });
    expect(await harness.store.read.toolCall(CALL.key)).toMatchObject({ state: 'intent' });
  });

  it('gives a write to one living process at a time, to the next when that has ended', async () => {
    const living = new Set([1]);
    const { journal, other } = setUp(withLiving(living));
    await journal.begin(CALL);
    await expect(other.begin(CALL)).rejects.toMatchObject({
      code: 'idempotency_in_progress',
      retryable: true,
      details: { reason: 'call_in_flight' },
    });
    await journal.assertOurs(CALL.key);
    living.delete(1);
    expect(await other.begin(CALL)).toEqual({ kind: 'interrupted' });
    const fenced = { code: 'fenced' };
    await expect(journal.assertOurs(CALL.key)).rejects.toMatchObject(fenced);
    await expect(journal.finish(CALL.key, { kind: 'not_done' }, null)).rejects.toMatchObject(fenced);
    await other.finish(CALL.key, { kind: 'done', response: RESPONSE }, null);
    expect(await journal.begin(CALL)).toEqual({ kind: 'done', response: RESPONSE });
  });

  it('gives up to others what it left without an outcome, what failed, reads, and what a newer hold asks for', async () => {
    const living = new Set([1]);
    const { journal, other } = setUp(withLiving(living));
    await journal.begin(CALL);
    await journal.leave(CALL.key);
    expect(await other.begin(CALL)).toEqual({ kind: 'interrupted' });
    const failed = { ...CALL, key: 'ex/failed/forward' };
    await journal.begin(failed);
    await journal.finish(failed.key, { kind: 'failed', code: 'timeout' }, null);
    expect(await other.begin(failed)).toEqual({ kind: 'interrupted' });
    const read = { ...CALL, key: 'read', kind: 'read' } as const;
    await journal.begin(read);
    expect(await other.begin(read)).toEqual({ kind: 'interrupted' });
    const held = { ...CALL, key: 'ex/held/forward' };
    await journal.begin(held);
    expect(await other.begin({ ...held, epoch: 2 })).toEqual({ kind: 'interrupted' });
    await expect(journal.assertOurs(held.key)).rejects.toMatchObject({ code: 'fenced' });
  });
});

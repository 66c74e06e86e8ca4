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
  const claim = { claimPlan: async () => undefined } as never;
  const journal = createToolCallJournal(
    store?.(harness.store) ?? harness.store,
    harness.services.clock,
    claim,
  );
  return { harness, journal };
}

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
            await real.transaction((tx) => tx.deleteToolCall(key));
          }
          return real.read.toolCall(key);
        },
      },
    }));
    await journal.begin(CALL);
    expect(await journal.begin(CALL)).toEqual({ kind: 'new' });
    expect(await harness.store.read.toolCall(CALL.key)).toMatchObject({ state: 'intent' });
  });
});

import { generateKeyPairSync, sign } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createChainKey } from './chain.ts';
import type { ChainHead } from './chain.ts';
import { checkpointIsSigned } from './checkpoint.ts';
import type { Checkpoint } from './checkpoint.ts';
import { createCheckpointer, runCheckpointer } from './checkpointer.ts';

const key = createChainKey('main', new Uint8Array(32).fill(1));
const pair = generateKeyPairSync('ed25519');
const macOf = (seq: number): string => seq.toString(16).padStart(64, '0');

/** A chain, a clock and a store that only move when the test says so. */
function world(options: { writeMs?: () => number; macAt?: (seq: number) => string | null } = {}) {
  const state = {
    nowMs: 0,
    seq: 0,
    failing: false,
    written: [] as { checkpoint: Checkpoint; doneMs: number }[],
  };
  const head = (): ChainHead => ({ seq: state.seq, mac: state.seq === 0 ? null : macOf(state.seq) });
  const make = () =>
    createCheckpointer({
      key,
      clock: { nowMs: () => 1_700_000_000_000 + state.nowMs, monotonicMs: () => state.nowMs },
      source: {
        head: async () => head(),
        macAt: async (seq) => (options.macAt === undefined ? macOf(seq) : options.macAt(seq)),
      },
      signer: { keyId: 'ck1', sign: async (bytes) => sign(null, bytes, pair.privateKey).toString('base64') },
      store: {
        append: async (checkpoint) => {
          if (state.failing) throw new Error('disk full');
          state.nowMs += options.writeMs?.() ?? 0;
          state.written.push({ checkpoint, doneMs: state.nowMs });
        },
        list: async () => state.written.map((item) => item.checkpoint),
      },
    });
  return { state, make };
}

const { signal } = new AbortController();

describe('the checkpointer', () => {
  test('vouches for each record within a second of its commit, however long writes within the budget take', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 5_000 }), { minLength: 1, maxLength: 60 }),
        fc.infiniteStream(fc.integer({ min: 0, max: 500 })),
        async (times, delays) => {
          const commits = times.toSorted((a, b) => a - b);
          const { state, make } = world({
            writeMs: () => {
              const took = delays.next().value ?? 0;
              return took;
            },
          });
          const checkpointer = make();
          while (state.nowMs < 7_000) {
            state.seq = commits.filter((at) => at <= state.nowMs).length;
            const step = await checkpointer.step(signal);
            state.nowMs += step.nextStepInMs;
          }
          for (const [index, committedMs] of commits.entries()) {
            const first = state.written.find((item) => item.checkpoint.body.seq > index);
            expect(first).toBeDefined();
            expect((first?.doneMs ?? Infinity) - committedMs).toBeLessThanOrEqual(1_000);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test('writes nothing without new records, and signs what it writes', async () => {
    const { state, make } = world();
    const checkpointer = make();
    expect((await checkpointer.step(signal)).written).toBeNull();
    state.seq = 3;
    const { written } = await checkpointer.step(signal);
    expect(written?.body).toMatchObject({
      chain_id: 'main',
      chain_key_id: key.keyId,
      seq: 3,
      count: 3,
      mac: macOf(3),
    });
    expect(written !== null && checkpointIsSigned(written, pair.publicKey)).toBe(true);
    expect((await checkpointer.step(signal)).written).toBeNull();
    expect(state.written).toHaveLength(1);
  });

  test('refuses to vouch for a chain that was cut or rewritten, also after a restart', async () => {
    let standing: (seq: number) => string | null = macOf;
    const { state, make } = world({ macAt: (seq) => standing(seq) });
    const checkpointer = make();
    state.seq = 5;
    await checkpointer.step(signal);
    state.seq = 4;
    await expect(checkpointer.step(signal)).rejects.toMatchObject({ code: 'precondition_failed' });
    await expect(make().step(signal)).rejects.toThrow(/ends at seq 4.*audit verify/);
    state.seq = 9;
    standing = () => 'f'.repeat(64);
    await expect(make().step(signal)).rejects.toThrow(/another record stands at seq 5/);
    expect(state.written).toHaveLength(1);
    standing = macOf;
    expect((await make().step(signal)).written?.body.seq).toBe(9);
  });

  test('a failed write is covered by the next step, and the exposure says so meanwhile', async () => {
    const { state, make } = world();
    const checkpointer = make();
    expect(checkpointer.exposureMs()).toBeNull();
    await checkpointer.step(signal);
    state.seq = 2;
    state.failing = true;
    state.nowMs = 700;
    await expect(checkpointer.step(signal)).rejects.toThrow('disk full');
    expect(checkpointer.exposureMs()).toBe(700);
    state.failing = false;
    expect((await checkpointer.step(signal)).written?.body.seq).toBe(2);
    expect(checkpointer.exposureMs()).toBe(0);
  });

  test('runs one step at a time', async () => {
    const { state, make } = world();
    state.seq = 1;
    const checkpointer = make();
    const first = checkpointer.step(signal);
    await expect(checkpointer.step(signal)).rejects.toMatchObject({ code: 'conflict' });
    await first;
    expect(state.written).toHaveLength(1);
  });

  test('the driver reports failures, goes on, and writes a last checkpoint when it is stopped', async () => {
    const { state, make } = world();
    const stop = new AbortController();
    const errors: unknown[] = [];
    const waits: number[] = [];
    state.failing = true;
    state.seq = 1;
    await runCheckpointer(make(), {
      sleep: async (ms) => {
        waits.push(ms);
        state.failing = false;
        state.seq += 1;
        if (waits.length === 3) stop.abort();
      },
      onError: (error) => errors.push(error),
      signal: stop.signal,
      finalSignal: signal,
    });
    expect(errors).toHaveLength(1);
    expect(waits).toEqual([250, 500, 500]);
    expect(state.written.map((item) => item.checkpoint.body.seq)).toEqual([2, 3, 4]);
  });
});

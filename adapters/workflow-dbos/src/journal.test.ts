import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunEvent } from '@carapulse/workflows';
import { Awaited } from '@carapulse/workflows';
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createJournalSchema } from './journal-schema.ts';
import type { Hold } from './journal.ts';
import { Journal } from './journal.ts';
import { RunHolds } from './run-holds.ts';
import type { OpenPool } from './testing/pglite-place.ts';
import { openPglite } from './testing/pglite-place.ts';

const ME: Hold = { owner: 'me', epoch: 1 };
const tick = (atMs: number): RunEvent => ({ kind: 'timer', key: 't', atMs });

describe('the journal', () => {
  let root = '';
  let opened: OpenPool;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'journal-'));
    opened = await openPglite(join(root, 'data'));
    await createJournalSchema(opened.pool);
    await createJournalSchema(opened.pool);
  });

  afterAll(async () => {
    await opened.close();
    await rm(root, { recursive: true, force: true });
  });

  /** The pool, with a say in each query. */
  function watched(around: (run: () => Promise<unknown>) => Promise<unknown>): Pool {
    return new Proxy(opened.pool, {
      get(target, name) {
        const member = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>;
        return name === 'query' ? (...args: unknown[]) => around(() => member.apply(target, args)) : member;
      },
    });
  }

  const begin = (runId: string) => new RunHolds(opened.pool, 'me').begin(runId, 0);
  /** A process of which `durable.processes` knows nothing is dead, so the run is anybody's. */
  const take = (runId: string, process: string) =>
    new RunHolds(opened.pool, process).take([{ runId, executor: 'nobody' }], 99);

  it('writes nothing under a hold that is over, of another process or of the same one', async () => {
    const journal = new Journal(opened.pool, undefined);
    const first = await new RunHolds(opened.pool, 'me').begin('fenced', 10);
    expect(first).toEqual({
      runId: 'fenced',
      hold: ME,
      startedAtMs: 10,
      fresh: true,
      lost: false,
      suspects: {},
    });
    expect(await new RunHolds(opened.pool, 'other').begin('fenced', 11)).toBeNull();
    expect(await journal.append('fenced', ME, 1, tick(1), null)).toBe(true);
    const second = { owner: 'second', epoch: 2 };
    expect(await take('fenced', 'second')).toEqual([
      { runId: 'fenced', hold: second, startedAtMs: 10, fresh: false, lost: true, suspects: {} },
    ]);
    expect(await journal.append('fenced', ME, 2, tick(2), null)).toBe(false);
    expect(await journal.append('fenced', second, 1, tick(3), null)).toBe(false);
    expect(await journal.append('fenced', second, 2, tick(4), null)).toBe(true);
    expect(await take('fenced', 'me')).toMatchObject([{ hold: { owner: 'me', epoch: 3 } }]);
    expect(await journal.append('fenced', ME, 3, tick(5), null)).toBe(false);
    expect(await Promise.all([1, 2].map(() => journal.append('fenced', ME, 3, tick(5), null)))).toEqual([
      false,
      false,
    ]);
    expect(await journal.append('fenced', { owner: 'me', epoch: 3 }, 3, tick(6), null)).toBe(true);
    expect(await journal.read('fenced')).toEqual({
      snapshot: null,
      events: [tick(1), tick(4), tick(6)],
    });
  });

  it('knows a run that was lost from one that was given up, left in closing, or ours before', async () => {
    const holds = (process: string) => new RunHolds(opened.pool, process);
    const lost = async (runId: string, process: string): Promise<boolean | undefined> =>
      (await take(runId, process))[0]?.lost;
    for (const runId of ['dead', 'given', 'acting']) await holds('first').begin(runId, 0);
    expect(await lost('dead', 'first')).toBe(false);
    expect(await lost('dead', 'second')).toBe(true);
    expect(await holds('second').suspect('dead', { owner: 'second', epoch: 3 }, { a: { lost: 1 } })).toBe(
      true,
    );
    expect(await holds('first').suspect('dead', ME, {})).toBe(false);
    await holds('first').giveUp(['acting']);
    expect(await lost('given', 'second')).toBe(false);
    expect(await lost('acting', 'second')).toBe(false);
    expect(await take('dead', 'third')).toMatchObject([{ lost: true, suspects: { a: { lost: 1 } } }]);
    expect(await lost('acting', 'third')).toBe(true);
  });

  it('lets a snapshot stand for what was heard before it, under the hold alone', async () => {
    const journal = new Journal(opened.pool, undefined);
    const snapshot = { state: { n: 2 }, heardMs: 2, held: [], cancelled: [], timers: [] };
    await begin('long');
    for (const seq of [1, 2, 3]) await journal.append('long', ME, seq, tick(seq), null);
    expect(await journal.compact('long', { owner: 'me', epoch: 2 }, 2, snapshot)).toBe(false);
    expect(await journal.compact('long', { owner: 'you', epoch: 1 }, 2, snapshot)).toBe(false);
    expect(await journal.compact('long', ME, 9, snapshot)).toBe(false);
    expect((await journal.read('long')).events).toEqual([tick(1), tick(2), tick(3)]);
    expect(await journal.compact('long', ME, 2, snapshot)).toBe(true);
    expect(await journal.read('long')).toEqual({ snapshot: { ...snapshot, seq: 2 }, events: [tick(3)] });
    expect(await journal.append('long', ME, 4, tick(4), null)).toBe(true);
    expect(await journal.compact('long', ME, 4, { ...snapshot, heardMs: 4 })).toBe(true);
    expect(await journal.read('long')).toEqual({ snapshot: { ...snapshot, heardMs: 4, seq: 4 }, events: [] });
    const { rows } = await opened.pool.query(`SELECT seq FROM durable.journal WHERE run_id = 'long'`);
    expect(rows).toEqual([{ seq: 4 }]);
    await journal.close();
    expect(await journal.compact('long', ME, 4, snapshot)).toBe(false);
  });

  it('looks to a build from before snapshots like an answer that it never asked for', async () => {
    const journal = new Journal(opened.pool, undefined);
    await begin('older');
    await journal.append('older', ME, 1, tick(1), null);
    await journal.compact('older', ME, 1, { state: 0, heardMs: 1, held: [], cancelled: [], timers: [] });
    const { rows } = await opened.pool.query<{ event: string }>(
      `SELECT event FROM durable.journal WHERE run_id = 'older'`,
    );
    const entry = JSON.parse(rows[0]?.event ?? '') as RunEvent;
    expect(new Awaited(null).faultOf(entry)).toMatch(/^answers \(a snapshot, which this build cannot read\)/);
  });

  it('takes a signal in the statement that journals it, once', async () => {
    const journal = new Journal(opened.pool, undefined);
    await begin('signals');
    await journal.post('signals', 'id', 'go', '{}');
    await journal.post('signals', 'id', 'go', '{}');
    const [waiting, ...others] = await journal.waiting(['signals', 'absent']);
    expect(others).toEqual([]);
    const event: RunEvent = { kind: 'signal', name: 'go', payload: {}, atMs: 1 };
    const seq = waiting?.seq ?? null;
    expect(await journal.append('signals', { owner: 'stranger', epoch: 1 }, 1, event, seq)).toBe(false);
    expect(await journal.waiting(['signals'])).toHaveLength(1);
    expect(await journal.append('signals', ME, 1, event, seq)).toBe(true);
    expect(await journal.waiting(['signals'])).toEqual([]);
    expect(await journal.append('signals', ME, 2, event, seq)).toBe(false);
  });

  it('knows its own event again when the answer to its write was lost', async () => {
    let lost = 0;
    const pool = watched(async (run) => {
      const result = await run();
      lost += 1;
      if (lost === 1) throw new Error('connection lost');
      return result;
    });
    const journal = new Journal(pool, undefined);
    await begin('lost');
    expect(await journal.append('lost', ME, 1, tick(1), null)).toBe(true);
    expect((await journal.read('lost')).events).toEqual([tick(1)]);
  });

  it('does not take an event for its own after a lost answer when another execution wrote there', async () => {
    let calls = 0;
    const other = new Journal(opened.pool, undefined);
    const pool = watched(async (run) => {
      calls += 1;
      if (calls !== 1) return run();
      await take('stolen', 'other');
      await other.append('stolen', { owner: 'other', epoch: 2 }, 1, tick(1), null);
      throw new Error('connection lost');
    });
    const journal = new Journal(pool, undefined);
    await begin('stolen');
    expect(await journal.append('stolen', ME, 1, tick(1), null)).toBe(false);
  });

  it('writes what waits in one statement', async () => {
    let calls = 0;
    const pool = watched((run) => {
      calls += 1;
      return run();
    });
    const journal = new Journal(pool, undefined);
    const runs = Array.from({ length: 60 }, (_, index) => `batch-${index}`);
    await Promise.all(runs.map(begin));
    calls = 0;
    const written = await Promise.all(runs.map((run) => journal.append(run, ME, 1, tick(1), null)));
    expect(written.every(Boolean)).toBe(true);
    expect(calls).toBeLessThanOrEqual(2);
  });

  it('refuses an append after its close', async () => {
    const journal = new Journal(opened.pool, undefined);
    await begin('closed');
    await journal.close();
    expect(await journal.append('closed', ME, 1, tick(1), null)).toBe(false);
    expect((await journal.read('closed')).events).toEqual([]);
  });
});

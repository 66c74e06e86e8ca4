import { LOST_AT_MOST } from '@carapulse/workflows';
import { describe, expect, it } from 'vitest';
import type { HeldRun } from './run-holds.ts';
import { ALONE_FROM, countLoss, Quarantine, RunSuspects, type Suspects } from './suspects.ts';

const ask = { logger: undefined };
const held = (epoch: number, change: Partial<HeldRun> = {}): HeldRun => ({
  runId: 'r',
  hold: { owner: `process ${epoch}`, epoch },
  startedAtMs: 0,
  fresh: false,
  lost: true,
  suspects: {},
  ...change,
});

describe('suspects', () => {
  it('count a loss against all that was unanswered, and from the third on against what was tried', () => {
    let suspects: Suspects = { answered: { lost: 2 } };
    for (let epoch = 1; epoch <= ALONE_FROM; epoch += 1) suspects = countLoss(suspects, ['a', 'b'], epoch);
    expect(suspects).toEqual({ a: { lost: 3 }, b: { lost: 3 } });
    const tried = { ...suspects, a: { lost: 3, triedAt: 7 } };
    expect(countLoss(tried, ['a', 'b'], 7)).toEqual({ a: { lost: 4, triedAt: 7 }, b: { lost: 3 } });
    expect(countLoss(tried, ['a', 'b'], 8)).toEqual({ a: { lost: 3, triedAt: 7 }, b: { lost: 3 } });
  });

  it.each([
    ['first', ['poison', 'innocent']],
    ['last', ['innocent', 'poison']],
  ])('let what was only there go, when what kills is asked for %s', async (_, order) => {
    let suspects: Suspects = {};
    let unanswered = order;
    let deaths = 0;
    const holds = {
      suspect: async (_run: string, _hold: unknown, now: Suspects) => {
        suspects = now;
        return true;
      },
    };
    const guilty = async (epoch: number): Promise<ReadonlyMap<string, number>> => {
      const run = new RunSuspects(
        { ...ask, holds, quarantine: new Quarantine() },
        held(epoch, { suspects, lost: epoch > 1 }),
      );
      const found = await run.judge(unanswered);
      if (found === null || found.size > 0) return found ?? new Map();
      const died = Promise.withResolvers<void>();
      // What is tried alone has time to answer; beside the one that kills it has not.
      const answer = async (): Promise<void> => {
        if (deaths >= ALONE_FROM) unanswered = unanswered.filter((key) => key !== 'innocent');
      };
      const works = { poison: async () => died.resolve(), innocent: answer };
      for (const key of unanswered as (keyof typeof works)[]) void run.attempt(key, () => false, works[key]);
      await died.promise;
      deaths += 1;
      return guilty(epoch + 1);
    };
    expect([...(await guilty(1))]).toEqual([['poison', LOST_AT_MOST]]);
    expect(suspects['innocent']?.lost ?? 0).toBeLessThanOrEqual(ALONE_FROM);
    expect(deaths).toBe(LOST_AT_MOST);
  });

  it('count nothing when no process was lost, and still know what had cost too many', async () => {
    const holds = { suspect: () => Promise.reject(new Error('nothing is to be written')) };
    const suspects = { a: { lost: LOST_AT_MOST }, b: { lost: 2 } };
    const given = held(9, { lost: false, suspects });
    const run = new RunSuspects({ ...ask, holds, quarantine: new Quarantine() }, given);
    expect(await run.judge(['a', 'b', 'c'])).toEqual(new Map([['a', LOST_AT_MOST]]));
    expect(
      await run.attempt(
        'b',
        () => false,
        async () => 'done',
      ),
    ).toBe('done');
  });

  it('start nothing that could not be kept, or whose run was left while it waited', async () => {
    const suspects = { a: { lost: ALONE_FROM } };
    const quarantine = new Quarantine();
    const given = held(9, { lost: false, suspects });
    const work = async (): Promise<never> => {
      throw new Error('it was tried');
    };
    for (const suspect of [async () => false, () => Promise.reject(new Error('away'))]) {
      const run = new RunSuspects({ ...ask, holds: { suspect }, quarantine }, given);
      expect(await run.attempt('a', () => false, work)).toBeNull();
    }
    const left = new RunSuspects({ ...ask, holds: { suspect: async () => true }, quarantine }, given);
    expect(await left.attempt('a', () => true, work)).toBeNull();
    expect(
      await new RunSuspects({ ...ask, holds: { suspect: async () => false }, quarantine }, held(9)).judge([
        'a',
      ]),
    ).toBeNull();
  });

  it('are tried one after the other, also when one throws', async () => {
    const quarantine = new Quarantine();
    const given = held(9, { lost: false, suspects: { a: { lost: 3 }, b: { lost: 4 } } });
    const run = new RunSuspects({ ...ask, holds: { suspect: async () => true }, quarantine }, given);
    const under: string[] = [];
    const first = Promise.withResolvers<void>();
    const a = run.attempt(
      'a',
      () => false,
      async () => {
        under.push('a');
        await first.promise;
        throw new Error('oh');
      },
    );
    const b = run.attempt(
      'b',
      () => false,
      async () => under.push('b'),
    );
    await expect.poll(() => under).toEqual(['a']);
    first.resolve();
    await expect(a).rejects.toThrow('oh');
    await b;
    expect(under).toEqual(['a', 'b']);
  });
});

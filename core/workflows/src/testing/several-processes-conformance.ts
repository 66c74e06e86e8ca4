import type { JsonObject } from '@carapulse/kernel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunStatus } from '../durable-engine.ts';
import type { SharedAnswer, SharedCall, SharedProcessOrder } from './conduct-shared-process.ts';
import type { ProbeInput } from './probe-machine.ts';
import { heardOf } from './probe-machine.ts';
import { SharedTarget } from './shared-target.ts';

/** A process that runs `conductSharedProcess`. */
export interface SharedProcess {
  call(call: SharedCall): Promise<SharedAnswer>;
  kill(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void;
  /** Cuts its way to the shared storage, and lets it through again. */
  cut(): void;
  mend(): void;
  /** Resolves when the process stands still after SIGSTOP. */
  stopped(): Promise<void>;
  /** Resolves when it is gone. */
  readonly ended: Promise<void>;
  /** The runs of which its log said that they can't go on, as often as it said so. */
  readonly toldStuck: readonly string[];
}

/** What an adapter brings to the suite. A place is storage that several processes share. */
export interface SharedWorkbench {
  place(): Promise<string>;
  /** Who gets the work of a run: the process that started it unless it is said otherwise. */
  readonly taker?: 'whoever asks for work';
  /** Cases that say nothing of this engine, by their names, each with the reason. */
  readonly leftOut?: Readonly<Record<string, string>>;
  /** Starts a process and answers once its engine is open; it hasn't recovered yet. */
  spawn(place: string, order: SharedProcessOrder, target: SharedTarget): Promise<SharedProcess>;
}

const LEASE_MS = 1500;
const LONG_MS = 600_000;
const HOUR_MS = 3_600_000;
const LIMIT = { timeout: 120_000 };
const CHAIN: ProbeInput = {
  work: [
    { key: 'a', after: [] },
    { key: 'b', after: ['a'] },
  ],
};
const WAITS: ProbeInput = { work: [], signals: 1 };

/** The suite of an engine that several processes share; see guarantee 9 of `DurableEngine`. */
export function severalProcessesConformance(name: string, bench: SharedWorkbench): void {
  describe(`several processes: ${name}`, () => {
    let place = '';
    let target = new SharedTarget();
    const living = new Set<SharedProcess>();

    beforeEach(async ({ task, skip }) => {
      const why = bench.leftOut?.[task.name];
      if (why !== undefined) skip(why);
      place = await bench.place();
      target = new SharedTarget();
    });
    afterEach(async () => {
      for (const each of living) each.kill('SIGKILL');
      await Promise.all([...living].map((each) => each.ended));
      living.clear();
    });

    async function open(process: string, change: Partial<SharedProcessOrder> = {}): Promise<SharedProcess> {
      const order = {
        name: process,
        version: 1,
        clockOffsetMs: 0,
        leaseMs: LEASE_MS,
        pollMs: 100,
        ...change,
      };
      const spawned = await bench.spawn(place, order, target);
      living.add(spawned);
      return spawned;
    }
    const start = (process: SharedProcess, run: string, input: ProbeInput) =>
      process.call({ name: 'start', run, input: input as unknown as JsonObject });
    const recover = async (process: SharedProcess): Promise<JsonObject> => {
      const answer = await process.call({ name: 'recover' });
      return answer.kind === 'done' ? answer.value : {};
    };
    const status = async (process: SharedProcess, run: string): Promise<RunStatus> => {
      const answer = await process.call({ name: 'status', run });
      if (answer.kind === 'done') throw new Error('A status was asked for.');
      return answer;
    };
    const becomes = (process: SharedProcess, run: string, kind: RunStatus['kind']) =>
      expect
        .poll(async () => (await status(process, run)).kind, { timeout: 30_000, interval: 20 })
        .toBe(kind);
    const comes = (process: string, key: string) =>
      expect
        .poll(() => target.entered.some((visit) => visit.process === process && visit.key === key), {
          timeout: 30_000,
          interval: 5,
        })
        .toBe(true);
    const signal = (process: SharedProcess, run: string) => process.call({ name: 'signal', run, id: 'one' });

    const anyone = bench.taker !== undefined;
    /** Lets a process take work: before the other has any, or after where anyone could get it. */
    const joins = async (when: 'before' | 'after', process: SharedProcess): Promise<void> => {
      if ((when === 'after') === anyone) await recover(process);
    };

    it('several that start at once on an empty place all start', LIMIT, async () => {
      const all = await Promise.all(['A', 'B', 'C'].map((process) => open(process)));
      await Promise.all(all.map(recover));
      await Promise.all(all.map((process) => start(process, 'r', CHAIN)));
      for (const process of all) await becomes(process, 'r', 'ended');
      expect([target.count('r/a/1'), target.count('r/b/1')]).toEqual([1, 1]);
    });

    it('another process goes on where a killed one was', LIMIT, async () => {
      const [a, b] = [await open('A'), await open('B')];
      await recover(a);
      await joins('before', b);
      target.hold('A', 'r/b/1');
      await start(a, 'r', CHAIN);
      await comes('A', 'r/b/1');
      await joins('after', b);
      a.kill('SIGKILL');
      await becomes(b, 'r', 'ended');
      expect(target.done).toEqual([
        { process: 'A', key: 'r/a/1', epoch: 1 },
        { process: 'B', key: 'r/b/1', epoch: 2 },
      ]);
    });

    it(
      'a stopped one that wakes up after it was replaced changes nothing, and goes on to serve',
      LIMIT,
      async () => {
        const [a, b] = [await open('A'), await open('B')];
        await recover(a);
        await joins('before', b);
        const letGo = target.hold('A', 'r/a/1');
        await start(a, 'r', CHAIN);
        await comes('A', 'r/a/1');
        await joins('after', b);
        a.kill('SIGSTOP');
        await a.stopped();
        await becomes(b, 'r', 'ended');
        const outcome = await status(b, 'r');
        a.kill('SIGCONT');
        letGo();
        const stale = { process: 'A', key: 'r/a/1', epoch: 1 };
        await expect.poll(() => target.refused, { timeout: 30_000, interval: 5 }).toContainEqual(stale);
        // Where a server hands work out, the stopped one may have been given later attempts too.
        const doneUnder = target.done.find(({ key }) => key === 'r/a/1')?.epoch ?? 0;
        expect(target.refused.filter(({ key, epoch }) => key !== 'r/a/1' || epoch >= doneUnder)).toEqual([]);
        expect([target.count('r/a/1'), target.count('r/b/1')]).toEqual([1, 1]);
        await start(a, 'next', CHAIN);
        await becomes(b, 'next', 'ended');
        expect(target.count('next/a/1')).toBe(1);
        expect(await status(a, 'r')).toEqual(outcome);
        expect(outcome.kind === 'ended' && heardOf(outcome.result)).toEqual([
          'activity a/1 ok',
          'activity b/1 ok',
        ]);
      },
    );

    it('of two that recover at once each run is driven by one', LIMIT, async () => {
      const first = await open('first');
      await recover(first);
      const runs = Array.from({ length: 20 }, (_, index) => `run-${index}`);
      for (const run of runs) target.hold('first', `${run}/a/1`);
      await Promise.all(runs.map((run) => start(first, run, CHAIN)));
      for (const run of runs) await comes('first', `${run}/a/1`);
      first.kill('SIGKILL');
      await first.ended;
      const both = await Promise.all([open('A'), open('B')]);
      await Promise.all(both.map(recover));
      for (const run of runs) await becomes(both[0], run, 'ended');
      const again = target.entered.filter((visit) => visit.process !== 'first');
      expect(again.map((visit) => visit.key).toSorted()).toEqual(
        runs.flatMap((run) => [`${run}/a/1`, `${run}/b/1`]).toSorted(),
      );
      expect(new Set(again.map((visit) => visit.epoch))).toEqual(new Set([2]));
    });

    it(
      'a signal that is posted through one reaches the run that the other drives, without a poll',
      LIMIT,
      async () => {
        const [a, b] = [await open('A'), await open('B', { pollMs: LONG_MS })];
        await joins('before', a);
        await recover(b);
        await start(b, 'r', { ...CHAIN, signals: 1 });
        // From here on it hears of a signal only by being told.
        await comes('B', 'r/b/1');
        await joins('after', a);
        await signal(a, 'r');
        await becomes(a, 'r', 'ended');
        expect(target.done.map(({ process }) => process)).toEqual(['B', 'B']);
      },
    );

    it(
      'one that is cut off starts nothing, is replaced, and serves again when it is back',
      LIMIT,
      async () => {
        const [a, b] = [await open('A'), await open('B')];
        await recover(a);
        await joins('before', b);
        const letGo = target.hold('A', 'r/a/1');
        await start(a, 'r', CHAIN);
        await comes('A', 'r/a/1');
        await joins('after', b);
        a.cut();
        await becomes(b, 'r', 'ended');
        letGo();
        await expect.poll(() => target.refused, { timeout: 30_000, interval: 5 }).toHaveLength(1);
        expect(target.done).toEqual([
          { process: 'B', key: 'r/a/1', epoch: 2 },
          { process: 'B', key: 'r/b/1', epoch: 2 },
        ]);
        a.mend();
        const served = (): Promise<string> =>
          start(a, 'next', CHAIN).then(
            () => 'served',
            () => 'not yet',
          );
        await expect.poll(served, { timeout: 30_000, interval: 50 }).toBe('served');
        await becomes(b, 'next', 'ended');
        expect(target.count('next/a/1')).toBe(1);
      },
    );

    for (const hours of [HOUR_MS, -HOUR_MS])
      it(
        `a clock that is ${hours > 0 ? 'ahead' : 'behind'} takes nothing over early, and loses nothing early`,
        LIMIT,
        async () => {
          const [right, wrong] = [await open('right'), await open('wrong', { clockOffsetMs: 3 * hours })];
          await recover(right);
          await recover(wrong);
          target.hold('right', 'r1/a/1');
          target.hold('wrong', 'r2/a/1');
          await start(right, 'r1', CHAIN);
          await start(wrong, 'r2', CHAIN);
          await comes('right', 'r1/a/1');
          await comes('wrong', 'r2/a/1');
          const begun = performance.now();
          while (performance.now() - begun < 2 * LEASE_MS) {
            expect(await recover(wrong)).toEqual({ resumed: 0, stuck: 0 });
            expect(await recover(right)).toEqual({ resumed: 0, stuck: 0 });
          }
          right.kill('SIGKILL');
          await becomes(wrong, 'r1', 'ended');
          expect(target.done.map(({ process }) => process)).toEqual(['wrong', 'wrong']);
        },
      );

    it('leaves runs of another version to whoever has it, and says once that nobody has', LIMIT, async () => {
      const [older, newer] = [await open('older'), await open('newer', { version: 2 })];
      await recover(older);
      await recover(newer);
      await start(older, 'old', WAITS);
      await start(newer, 'new', WAITS);
      expect(await status(newer, 'old')).toEqual({ kind: 'running' });
      older.kill('SIGKILL');
      await becomes(newer, 'old', 'stuck');
      const stuck = await status(newer, 'old');
      expect(stuck.kind === 'stuck' && stuck.reason).toMatch(/version 1.*version 2/);
      for (let pass = 0; pass < 3; pass += 1) expect(await recover(newer)).toEqual({ resumed: 0, stuck: 1 });
      expect(newer.toldStuck).toEqual(['old']);
      const back = await open('back');
      await recover(back);
      await signal(newer, 'old');
      await becomes(newer, 'old', 'ended');
      await signal(back, 'new');
      await becomes(back, 'new', 'ended');
      expect(back.toldStuck).toEqual([]);
    });

    it('one that closes hands its runs over at once', LIMIT, async () => {
      const [a, b] = [await open('A', { leaseMs: LONG_MS }), await open('B', { pollMs: LONG_MS })];
      await recover(a);
      await joins('before', b);
      await start(a, 'r', { ...CHAIN, signals: 1 });
      await comes('A', 'r/b/1');
      await joins('after', b);
      await a.call({ name: 'close' });
      await signal(b, 'r');
      await becomes(b, 'r', 'ended');
      expect(target.count('r/b/1')).toBe(1);
    });
  });
}

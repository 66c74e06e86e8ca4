import { AppError } from '@carapulse/kernel';
import type { JsonObject } from '@carapulse/kernel';
import { describe, expect, it } from 'vitest';
import type { ActivityHandler, DurableEngine } from '../durable-engine.ts';
import { replayHistory } from '../replay-history.ts';
import { RunHistory } from '../run-history.ts';
import { childRunConformance } from './child-run-conformance.ts';
import { crashConformance } from './crash-conformance.ts';
import { lostProcessConformance } from './lost-process-conformance.ts';
import { patchConformance } from './patch-conformance.ts';
import type { OnHeard, ProbeInput } from './probe-machine.ts';
import { throughJson } from './hand-driven.ts';
import { heardOf, instantsOf, probeMachine } from './probe-machine.ts';

/** What a child process is to do with the run `run` of the probe. It recovers, starts the run, and waits for its end. */
export interface ChildOrder {
  readonly generation: number;
  readonly run: string;
  readonly input: ProbeInput;
  /** Its engine keeps no more of a run than a few events. */
  readonly short?: true;
  /**
   * Where it is killed: when the machine has heard so many events, that of another run when it is named; after its n-th
   * effect; whenever an activity of that key is tried; at its n-th snapshot; or after a while.
   */
  readonly kill:
    | { readonly kind: 'heard'; readonly count: number; readonly run?: string }
    | { readonly kind: 'effect'; readonly count: number }
    | { readonly kind: 'activity'; readonly key: string }
    | {
        readonly kind: 'snapshot';
        readonly count: number;
        readonly when: 'before' | 'during' | 'after';
      }
    | { readonly kind: 'after'; readonly ms: number }
    | null;
}

/** How the probe's machine is to run. */
export interface ProbeSetting {
  /** 1 or 2; 1 when left out. */
  readonly version?: 1 | 2;
  /** It is code that knows `PROBE_PATCH`. */
  readonly patched?: true;
  /** The engine keeps no more of a run than a few events. */
  readonly short?: true;
  readonly onHeard?: OnHeard;
  readonly abortGraceMs?: number;
}

/** What an adapter brings to the suite. A place is storage that outlives engines and processes. */
export interface EngineWorkbench {
  place(): Promise<string>;
  /**
   * An engine that runs `probeMachine` on the place; at most one is open at a time. The engine's clock is the machine's
   * real one.
   */
  open(place: string, work: ActivityHandler, probe?: ProbeSetting): Promise<DurableEngine>;
  /** Runs `conductChild` in a process of its own. `killed` when it died by SIGKILL; else it ended by itself. */
  child(place: string, order: ChildOrder): Promise<{ readonly killed: boolean }>;
  /** Lines that children have appended at the place, oldest first. */
  lines(place: string): Promise<readonly string[]>;
  /** Whether a child can be killed at a snapshot. Where the server makes it with the decision, there is no such place. */
  readonly killsAtSnapshots?: true;
}

const soon = (): AbortSignal => AbortSignal.timeout(30_000);
const one: ProbeInput = { work: [{ key: 'a', after: [] }] };

/** The suite that every durable engine passes; see the guarantees of `DurableEngine`. */
export function durableEngineConformance(name: string, bench: EngineWorkbench): void {
  describe(`durable engine: ${name}`, () => {
    it('starts a run once however often and however soon it is asked to', async () => {
      const ran: string[] = [];
      const place = await bench.place();
      const work: ActivityHandler = async (_, { key }) => {
        ran.push(key);
        return {};
      };
      const engine = await bench.open(place, work);
      await engine.recover();
      expect(await engine.status('r')).toEqual({ kind: 'absent' });
      const answers = await Promise.all([1, 2, 3].map(() => engine.start('r', 'probe', one)));
      expect(answers.toSorted()).toEqual(['exists', 'exists', 'started']);
      expect(await engine.wait('r', soon())).toMatchObject({ kind: 'ended' });
      await engine.close(1000);
      const later = await bench.open(place, work);
      expect(await later.recover()).toEqual({ resumed: 0, stuck: 0 });
      expect(await later.start('r', 'probe', one)).toBe('exists');
      const status = await later.status('r');
      expect(status.kind === 'ended' && heardOf(status.result)).toEqual(['activity a/1 ok']);
      const history = await later.history('r');
      expect(RunHistory.parse(throughJson(history))).toEqual(history);
      if (history?.engine === 'embedded') {
        const same = { kind: 'same', events: 1, ended: 'with a result' };
        expect(replayHistory([probeMachine()], history)).toEqual(same);
      }
      expect(await later.history('nobody')).toBeNull();
      await later.close(1000);
      expect(ran).toEqual(['r/a/1']);
    });

    it('keeps signals that come before, during and twice, and takes each once, in order', async () => {
      const place = await bench.place();
      const ran: string[] = [];
      const gate = Promise.withResolvers<void>();
      const engine = await bench.open(place, async (_, { key }) => {
        ran.push(key);
        await gate.promise;
        return {};
      });
      await engine.recover();
      await engine.signal('r', 's1', 'go', { n: 1 });
      await engine.signal('r', 's1', 'go', { n: 1 });
      await engine.start('r', 'probe', { ...one, signals: 3 });
      await engine.signal('r', 's2', 'go', { n: 2 });
      await engine.signal('r', 's2', 'go', { n: 99 });
      await engine.signal('r', 's3', 'go', { n: 3 });
      gate.resolve();
      const end = await engine.wait('r', soon());
      await engine.signal('r', 's4', 'go', { n: 4 });
      expect(end.kind === 'ended' && heardOf(end.result).filter((told) => told.startsWith('signal'))).toEqual(
        ['signal go {"n":1}', 'signal go {"n":2}', 'signal go {"n":3}'],
      );
      await engine.close(1000);
      expect(ran).toEqual(['r/a/1']);
    });

    it('keeps timers and signals across a restart, and hears again what it had heard', async () => {
      const place = await bench.place();
      const first: string[] = [];
      const engine = await bench.open(place, async () => ({}), { onHeard: (_, told) => first.push(told) });
      await engine.recover();
      await engine.start('r', 'probe', { ...one, timersMs: [40, 1200], signals: 2 });
      await engine.signal('r', 's1', 'before', {});
      await until(() => first.length === 3);
      await engine.close(1000);
      const second: string[] = [];
      const later = await bench.open(place, async () => ({}), { onHeard: (_, told) => second.push(told) });
      await later.signal('r', 's2', 'after', {});
      expect(await later.recover()).toEqual({ resumed: 1, stuck: 0 });
      const end = await later.wait('r', soon());
      await later.close(1000);
      expect(second.slice(0, 3)).toEqual(first);
      if (end.kind !== 'ended') throw new Error(`the run is ${end.kind}`);
      expect(heardOf(end.result)).toEqual(second);
      expect(second.filter((told) => told.startsWith('timer'))).toEqual(['timer timer-0', 'timer timer-1']);
      const at = instantsOf(end.result)[second.indexOf('timer timer-1')] ?? 0;
      expect(at).toBeGreaterThanOrEqual(Number(end.result['startedAtMs']) + 1200);
    });

    it('tells a failure by its class, a late activity as unknown, a cancelled one as it ended', async () => {
      const place = await bench.place();
      const ends: Readonly<Record<string, (signal: AbortSignal) => Promise<JsonObject>>> = {
        refused: () => Promise.reject(new AppError('policy_denied', 'no')),
        bug: () => Promise.reject(new TypeError('oh')),
        late: (signal) => aborted(signal),
        deaf: () => new Promise(() => undefined),
        cancelled: (signal) => aborted(signal),
      };
      const work: ActivityHandler = (_, { key, signal }) =>
        ends[key.split('/')[1] ?? '']?.(signal) ?? Promise.resolve({});
      const engine = await bench.open(place, work, { abortGraceMs: 50 });
      await engine.recover();
      const tasks = Object.keys(ends).map((key) => ({
        key,
        after: [],
        ...(['deaf', 'late'].includes(key) ? { timeoutMs: 30 } : {}),
      }));
      await engine.start('r', 'probe', { work: tasks, signals: 1, cancelOnSignal: 'cancelled' });
      await engine.signal('r', 's', 'stop', {});
      const end = await engine.wait('r', soon());
      await engine.close(0);
      const heard = end.kind === 'ended' ? heardOf(end.result) : [];
      expect(heard).toContain('activity refused/1 policy_denied permanent');
      expect(heard).toContain('activity bug/1 internal unknown');
      expect(heard).toContain('activity deaf/1 outcome_unknown unknown');
      expect(heard).toContain('activity late/1 timeout permanent');
      expect(heard).toContain('activity cancelled/1 cancelled permanent');
    });

    it('shows a run that needs another version as stuck, and ends it when that version is back', async () => {
      const place = await bench.place();
      const work: ActivityHandler = async () => ({});
      const engine = await bench.open(place, work);
      await engine.recover();
      await engine.start('r', 'probe', { ...one, signals: 1 });
      await engine.close(1000);
      const newer = await bench.open(place, work, { version: 2 });
      expect(await newer.recover()).toEqual({ resumed: 0, stuck: 1 });
      const stuck = await newer.wait('r', soon());
      expect(stuck.kind === 'stuck' && stuck.reason).toMatch(/version 1.*version 2/);
      await newer.close(1000);
      const older = await bench.open(place, work);
      await older.recover();
      await older.signal('r', 's', 'go', {});
      expect(await older.wait('r', soon())).toMatchObject({ kind: 'ended' });
      await older.close(1000);
    });

    it('shows a run whose machine fails as stuck and leaves the others alone', async () => {
      const place = await bench.place();
      const engine = await bench.open(place, async () => ({}));
      await engine.recover();
      await engine.start('bad', 'probe', { ...one, breaks: true });
      await engine.start('good', 'probe', one);
      expect(await engine.wait('good', soon())).toMatchObject({ kind: 'ended' });
      const status = await engine.wait('bad', soon());
      expect(status.kind === 'stuck' && status.reason).toContain('cannot go on');
      await expect(engine.wait('bad', AbortSignal.abort())).rejects.toMatchObject({ code: 'cancelled' });
      await engine.close(1000);
    });

    it('lets what is under way finish when it closes, and does not run it again', async () => {
      const place = await bench.place();
      const ran: string[] = [];
      const begun = Promise.withResolvers<void>();
      const gate = Promise.withResolvers<void>();
      const work: ActivityHandler = async (_, { key }) => {
        ran.push(key);
        begun.resolve();
        await gate.promise;
        return {};
      };
      const input: ProbeInput = {
        work: [
          { key: 'a', after: [] },
          { key: 'b', after: ['a'] },
        ],
      };
      const engine = await bench.open(place, work);
      await engine.recover();
      await engine.start('r', 'probe', input);
      await begun.promise;
      const closed = engine.close(10_000);
      gate.resolve();
      await closed;
      expect(ran).toEqual(['r/a/1']);
      const later = await bench.open(place, work);
      await later.recover();
      expect(await later.wait('r', soon())).toMatchObject({ kind: 'ended' });
      await later.close(1000);
      expect(ran).toEqual(['r/a/1', 'r/b/1']);
    });

    it(
      'ends 200 runs at once with a fifth of their activities failing, each activity run once',
      { timeout: 300_000 },
      async () => {
        const place = await bench.place();
        const ran = new Map<string, number>();
        const engine = await bench.open(place, async (_, { key }) => {
          ran.set(key, (ran.get(key) ?? 0) + 1);
          if (ran.size % 5 === 0) throw new AppError('unavailable', 'not now', { retryable: true });
          return {};
        });
        await engine.recover();
        const input: ProbeInput = {
          work: [
            { key: 'a', after: [] },
            { key: 'b', after: [] },
            { key: 'c', after: ['a', 'b'] },
          ],
        };
        const runs = Array.from({ length: 200 }, (_, index) => `run-${index}`);
        await Promise.all(runs.map((run) => engine.start(run, 'probe', input)));
        const ends = await Promise.all(runs.map((run) => engine.wait(run, AbortSignal.timeout(280_000))));
        await engine.close(1000);
        expect(ends.every((end) => end.kind === 'ended')).toBe(true);
        expect(ran.size).toBeGreaterThanOrEqual(720);
        expect([...ran.values()].every((times) => times === 1)).toBe(true);
      },
    );

    patchConformance(bench);
    childRunConformance(bench);
    lostProcessConformance(bench);
    crashConformance(bench);
  });
}

function aborted(signal: AbortSignal): Promise<JsonObject> {
  return new Promise((_, reject) => {
    const leave = (): void =>
      reject(new AppError(signal.reason instanceof AppError ? signal.reason.code : 'cancelled', 'stopped'));
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
  });
}

async function until(holds: () => boolean): Promise<void> {
  await expect.poll(holds, { timeout: 10_000, interval: 5 }).toBe(true);
}

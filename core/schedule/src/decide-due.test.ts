import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Occurrences } from './calendar.ts';
import { decideDue } from './decide-due.ts';
import { ScheduleDefinition } from './schedule.ts';

const MINUTE = 60_000;
const iso = (ms: number): string => new Date(ms).toISOString();
/** Every so many minutes since the epoch. */
const every = (minutes: number): Occurrences => ({
  next: (afterMs) => (Math.floor(afterMs / (minutes * MINUTE)) + 1) * minutes * MINUTE,
});

type Change = Partial<ScheduleDefinition>;
const judged = (untilMinute: number, change: Change = {}, paused = false) => ({
  decided_until: iso(untilMinute * MINUTE),
  paused: paused ? { by: 'user:a', note: 'sale', at: iso(0) } : null,
  definition: ScheduleDefinition.parse({
    workflow: 'w',
    input: {},
    reason: 'r',
    cron: '* * * * *',
    ...change,
  }),
});
const minutes = ({ fireMs }: ReturnType<typeof decideDue>) => fireMs.map((ms) => ms / MINUTE);
const told = ({ missed }: ReturnType<typeof decideDue>) =>
  missed.map(({ fromMs, untilMs, count, reason }) => [fromMs / MINUTE, untilMs / MINUTE, count, reason]);

describe('what is due', () => {
  it('is the time that has come, once, and then the next is known', () => {
    const decision = decideDue(judged(10), every(1), 11 * MINUTE);
    expect(minutes(decision)).toEqual([11]);
    expect(decision).toMatchObject({ missed: [], decidedUntilMs: 11 * MINUTE, nextMs: 12 * MINUTE });
    expect(decideDue(judged(11), every(1), 11 * MINUTE)).toMatchObject({ fireMs: [], nextMs: 12 * MINUTE });
  });

  it('is, after an outage, the last time in the window; each other one is told with why', () => {
    const decision = decideDue(judged(0), every(1), 30 * MINUTE);
    expect(minutes(decision)).toEqual([30]);
    expect(told(decision)).toEqual([
      [1, 19, 19, 'nothing fired within 600 s of it'],
      [20, 29, 10, 'a later time came before it could fire'],
    ]);
  });

  it('is all of the window where that is asked for', () => {
    const decision = decideDue(judged(0, { catch_up: 'all' }), every(5), 30 * MINUTE);
    expect(minutes(decision)).toEqual([20, 25, 30]);
    expect(told(decision)).toEqual([[5, 15, 3, 'nothing fired within 600 s of it']]);
  });

  it('is nothing of an outage that outlasted the window', () => {
    expect(minutes(decideDue(judged(0), every(60), 80 * MINUTE))).toEqual([]);
  });

  it('is what its jitter holds back still, however long nobody looked meanwhile', () => {
    expect(minutes(decideDue(judged(0, { jitter_s: 3600 }), every(60), 80 * MINUTE))).toEqual([60]);
    expect(minutes(decideDue(judged(0, { jitter_s: 3600 }), every(60), 131 * MINUTE))).toEqual([120]);
    expect(minutes(decideDue(judged(0, { jitter_s: 600 }), every(60), 81 * MINUTE))).toEqual([]);
  });

  it('is nothing while it is paused, and its times are told with the note', () => {
    const decision = decideDue(judged(0, {}, true), every(1), 3 * MINUTE);
    expect(minutes(decision)).toEqual([]);
    expect(told(decision)).toEqual([[1, 3, 3, 'paused by user:a: sale']]);
  });

  it('lies from its start up to, and without, its end', () => {
    const bounds = { start_at: iso(5 * MINUTE), end_at: iso(8 * MINUTE), catch_up: 'all' } as const;
    const decision = decideDue(judged(0, bounds), every(1), 9 * MINUTE);
    expect(minutes(decision)).toEqual([5, 6, 7]);
    expect(decision.nextMs).toBeNull();
  });

  it('is nothing when the clock stands behind what was judged', () => {
    const decision = decideDue(judged(10), every(1), 8 * MINUTE);
    expect(decision).toMatchObject({ fireMs: [], missed: [], decidedUntilMs: 10 * MINUTE });
  });

  it('is judged in parts after a long outage, and fires only at its end', () => {
    const first = decideDue(judged(0, { catch_up_window_s: 604_800 }), every(1), 1500 * MINUTE);
    expect(minutes(first)).toEqual([]);
    expect(told(first)).toEqual([[1, 1000, 1000, 'a later time came before it could fire']]);
    const rest = decideDue(judged(1000, { catch_up_window_s: 604_800 }), every(1), 1500 * MINUTE);
    expect(minutes(rest)).toEqual([1500]);
  });
});

it('whenever and however often it is looked, each time is fired or told, once, in order', () => {
  const looks = fc.array(fc.integer({ min: 0, max: 90 * MINUTE }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(
      looks,
      fc.integer({ min: 1, max: 7 }),
      fc.constantFrom('one', 'all'),
      (waits, step, catch_up) => {
        const calendar = every(step);
        let schedule = judged(0, { catch_up });
        let nowMs = 0;
        const seen: number[] = [];
        for (const wait of waits) {
          // The clock jumps, also back.
          nowMs += wait - 10 * MINUTE;
          const decision = decideDue(schedule, calendar, nowMs);
          const rows = [
            ...decision.missed,
            ...decision.fireMs.map((ms) => ({ fromMs: ms, untilMs: ms, count: 1 })),
          ];
          for (const { fromMs, untilMs, count } of rows) {
            expect((untilMs - fromMs) / (step * MINUTE)).toBe(count - 1);
            for (let at = fromMs; at <= untilMs; at += step * MINUTE) seen.push(at);
          }
          schedule = { ...schedule, decided_until: iso(decision.decidedUntilMs) };
        }
        const last = seen.at(-1) ?? 0;
        expect(seen).toEqual(
          Array.from({ length: last / (step * MINUTE) }, (_, n) => (n + 1) * step * MINUTE),
        );
      },
    ),
  );
});

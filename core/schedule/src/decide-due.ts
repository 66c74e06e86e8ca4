import type { Occurrences } from './calendar.ts';
import type { Schedule } from './schedule.ts';

/** So many times are judged at once: more take more passes, and never block one for long. */
const BATCH = 1000;

/** Plans that one decision of a person may make at once: each is one that people look at. */
export const MOST_AT_ONCE = 100;

/** How far ahead the last judged time may lie before the clock counts as set back. Clocks of processes differ less. */
export const CLOCK_TOLERANCE_MS = 300_000;

/** Times that make no plan, one after the other for one reason. */
export interface MissedTimes {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly count: number;
  readonly reason: string;
}

export interface DueDecision {
  readonly fireMs: readonly number[];
  readonly missed: readonly MissedTimes[];
  readonly decidedUntilMs: number;
  readonly nextMs: number | null;
}

type Judged = Pick<Schedule, 'definition' | 'paused' | 'decided_until'>;

/**
 * What becomes of the times that have come since a schedule was last judged. A time that is older than jitter
 * and window is missed; of those in it `catch_up` takes the last or all; a paused schedule misses each. Pure.
 */
export function decideDue(schedule: Judged, occurrences: Occurrences, nowMs: number): DueDecision {
  const { definition, paused } = schedule;
  const { times, nextMs } = timesUntil(schedule, occurrences, nowMs);
  const decidedUntilMs = times.at(-1) ?? Date.parse(schedule.decided_until);
  if (paused !== null) {
    const reason = `paused by ${paused.by}: ${paused.note}`;
    return { fireMs: [], missed: missedTimes(times, reason), decidedUntilMs, nextMs };
  }
  // Its jitter may hold a time back that long; the firing itself knows when its window ends.
  const earliestMs = nowMs - (definition.jitter_s + definition.catch_up_window_s) * 1000;
  const late = times.filter((time) => time < earliestMs);
  const live = times.slice(late.length);
  const moreComes = nextMs !== null && nextMs <= nowMs;
  const kept = definition.catch_up === 'all' ? live.length : moreComes ? 0 : Math.min(1, live.length);
  return {
    fireMs: live.slice(live.length - kept),
    missed: [
      ...missedTimes(late, `nothing fired within ${definition.catch_up_window_s} s of it`),
      ...missedTimes(live.slice(0, live.length - kept), 'a later time came before it could fire'),
    ],
    decidedUntilMs,
    nextMs,
  };
}

/** The times after an instant that a schedule has between its start and its end. */
export function nextTime(
  { start_at, end_at }: Schedule['definition'],
  occurrences: Occurrences,
  afterMs: number,
): number | null {
  const startMs = start_at === null ? Number.NEGATIVE_INFINITY : Date.parse(start_at);
  const next = occurrences.next(Math.max(afterMs, startMs - 1));
  return next === null || (end_at !== null && next >= Date.parse(end_at)) ? null : next;
}

function timesUntil(schedule: Judged, occurrences: Occurrences, nowMs: number) {
  const times: number[] = [];
  let nextMs = nextTime(schedule.definition, occurrences, Date.parse(schedule.decided_until));
  while (nextMs !== null && nextMs <= nowMs && times.length < BATCH) {
    times.push(nextMs);
    nextMs = nextTime(schedule.definition, occurrences, nextMs);
  }
  return { times, nextMs };
}

function missedTimes(times: readonly number[], reason: string): readonly MissedTimes[] {
  const [fromMs] = times;
  const untilMs = times.at(-1);
  if (fromMs === undefined || untilMs === undefined) return [];
  return [{ fromMs, untilMs, count: times.length, reason }];
}

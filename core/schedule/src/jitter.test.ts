import { expect, it } from 'vitest';
import { jitterMs } from './jitter.ts';

const at = (minute: number): string => new Date(minute * 60_000).toISOString();

it('is the same each time it is asked, stays below its bound and is spread over it', () => {
  const drawn = Array.from({ length: 400 }, (_, minute) => jitterMs('sch_a', at(minute), 100));
  expect(drawn).toEqual(Array.from({ length: 400 }, (_, minute) => jitterMs('sch_a', at(minute), 100)));
  expect(drawn.every((ms) => Number.isInteger(ms) && ms >= 0 && ms < 100_000)).toBe(true);
  for (const quarter of [0, 1, 2, 3])
    expect(drawn.filter((ms) => Math.floor(ms / 25_000) === quarter).length).toBeGreaterThan(60);
});

it('differs between schedules, and is none where none is asked for', () => {
  expect(jitterMs('sch_a', at(1), 3600)).not.toBe(jitterMs('sch_b', at(1), 3600));
  expect(jitterMs('sch_a', at(1), 0)).toBe(0);
});

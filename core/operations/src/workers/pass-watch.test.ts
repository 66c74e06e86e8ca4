import { expect, it } from 'vitest';
import { createPassWatch } from './pass-watch.ts';

it('tells a pass that failed until one has ended well, and one that hangs while it does', () => {
  let nowMs = 0;
  const watch = createPassWatch('schedules', { nowMs: () => 0, monotonicMs: () => nowMs });
  expect(watch.fault()).toBeNull();
  watch.begin();
  watch.end('the database is away');
  expect(watch.fault()).toBe('schedules: the database is away');
  watch.begin();
  nowMs = 59_999;
  watch.end(null);
  expect(watch.fault()).toBeNull();
  watch.begin();
  nowMs += 60_000;
  expect(watch.fault()).toBe('schedules: a pass has been running for 60 s');
  watch.end(null);
  expect(watch.fault()).toBeNull();
});

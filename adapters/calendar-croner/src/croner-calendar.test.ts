import { describe, expect, it } from 'vitest';
import { cronerCalendar } from './croner-calendar.ts';

const HOUR = 3_600_000;

/** The times of an expression in so many hours, in UTC, as `25 00:30`. */
function times(cron: string, zone: string, from: string, hours: number): readonly string[] {
  const { next } = cronerCalendar.open(cron, zone);
  const untilMs = Date.parse(from) + hours * HOUR;
  const found: string[] = [];
  for (let at = next(Date.parse(from)); at !== null && at <= untilMs; at = next(at))
    found.push(new Date(at).toISOString().slice(8, 16).replace('T', ' '));
  return found;
}

describe('the hour that the clock skips', () => {
  it.each([
    // 02:00 to 03:00 doesn't exist; 03:00 is 01:00 UTC.
    ['30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', ['29 01:00', '30 00:30']],
    ['30 2 * * *', 'America/New_York', '2026-03-07T12:00:00Z', ['08 07:00', '09 06:30']],
    // Half an hour: 02:00 to 02:30.
    ['15 2 * * *', 'Australia/Lord_Howe', '2026-10-03T00:00:00Z', ['03 15:30', '04 15:15']],
  ])('of %s in %s comes at the end of the gap', (cron, zone, from, expected) => {
    expect(times(cron, zone, from, 44)).toEqual(expected);
  });

  it.each([
    [
      '*/30 * * * *',
      'Europe/Berlin',
      '2026-03-29T00:00:00Z',
      ['29 00:30', '29 01:00', '29 01:30', '29 02:00'],
    ],
    ['0 */2 * * *', 'Europe/Berlin', '2026-03-28T22:00:00Z', ['28 23:00', '29 02:00']],
    ['30 1-3 * * *', 'Europe/Berlin', '2026-03-28T22:00:00Z', ['29 00:30', '29 01:30']],
    ['30 1,2,3 * * *', 'Europe/Berlin', '2026-03-28T22:00:00Z', ['29 00:30', '29 01:30']],
    ['0,30 2 * * *', 'Europe/Berlin', '2026-03-28T22:00:00Z', []],
  ])('of %s in %s, which follows the clock, does not come', (cron, zone, from, expected) => {
    expect(times(cron, zone, from, 4 - (from.includes('29T') ? 2 : 0))).toEqual(expected);
  });
});

describe('the hour that the clock repeats', () => {
  it.each([
    ['30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', ['25 00:30', '26 01:30']],
    ['30 1 * * *', 'America/New_York', '2026-10-31T12:00:00Z', ['01 05:30', '02 06:30']],
    ['45 1 * * *', 'Australia/Lord_Howe', '2026-04-04T00:00:00Z', ['04 14:45', '05 15:15']],
  ])('of %s in %s comes the first time only', (cron, zone, from, expected) => {
    expect(times(cron, zone, from, 46)).toEqual(expected);
  });

  it.each([
    ['0 * * * *', 'Europe/Berlin', '2026-10-24T23:30:00Z', 3, ['25 00:00', '25 01:00', '25 02:00']],
    [
      '30 1-3 * * *',
      'Europe/Berlin',
      '2026-10-24T23:00:00Z',
      4,
      ['24 23:30', '25 00:30', '25 01:30', '25 02:30'],
    ],
    [
      '*/20 1 * * *',
      'America/New_York',
      '2026-11-01T04:30:00Z',
      3,
      ['01 05:00', '01 05:20', '01 05:40', '01 06:00', '01 06:20', '01 06:40'],
    ],
    [
      '*/15 * * * *',
      'Australia/Lord_Howe',
      '2026-04-04T14:20:00Z',
      1,
      ['04 14:30', '04 14:45', '04 15:00', '04 15:15'],
    ],
  ])('of %s in %s', (cron, zone, from, hours, expected) => {
    expect(times(cron, zone, from, hours)).toEqual(expected);
  });
});

it('is a day like any other in a zone without daylight saving time', () => {
  expect(times('30 2 * * *', 'Asia/Kolkata', '2026-03-28T12:00:00Z', 48)).toEqual(['28 21:00', '29 21:00']);
});

it.each([
  ['Europe/Berlin', '2026-03-28T12:00:00Z'],
  ['Europe/Berlin', '2026-10-24T12:00:00Z'],
  ['America/New_York', '2026-03-07T22:00:00Z'],
  ['America/New_York', '2026-10-31T22:00:00Z'],
  ['Australia/Lord_Howe', '2026-10-03T02:00:00Z'],
  ['Australia/Lord_Howe', '2026-04-04T02:00:00Z'],
  ['Africa/Cairo', '2026-04-23T12:00:00Z'],
  ['America/Santiago', '2026-09-05T12:00:00Z'],
  ['Pacific/Apia', '2011-12-29T00:00:00Z'],
])('the times of %s about %s are the same from wherever they are asked for', (zone, from) => {
  const startMs = Date.parse(from);
  const endMs = startMs + 36 * HOUR;
  const differing: unknown[] = [];
  let compared = 0;
  for (const cron of [
    '30 2 * * *',
    '30 1-3 * * *',
    '*/20 * * * *',
    '0 0 * * *',
    '* 2 * * *',
    '0 */2 * * *',
  ]) {
    const { next } = cronerCalendar.open(cron, zone);
    const all: number[] = [];
    for (let at = next(startMs); at !== null && at <= endMs; at = next(at)) all.push(at);
    for (let askedMs = startMs; askedMs < endMs; askedMs += 7 * 60_000) {
      const expected = all.find((at) => at > askedMs);
      if (expected === undefined) continue;
      compared += 1;
      if (next(askedMs) !== expected) differing.push([cron, new Date(askedMs), expected]);
    }
  }
  expect(differing).toEqual([]);
  expect(compared).toBeGreaterThan(1000);
});

it('takes a day of the month or of the week where both are given, as crontab does', () => {
  expect(times('0 0 13 * 5', 'UTC', '2026-01-07T00:00:00Z', 240)).toEqual([
    '09 00:00',
    '13 00:00',
    '16 00:00',
  ]);
});

it('says when no day is ever the one', () => {
  expect(cronerCalendar.open('0 0 31 2 *', 'UTC').next(0)).toBeNull();
});

it.each(['Mars/Olympus', '+02:00', '', 'Europe/Berlin '])('refuses the time zone %j', (zone) => {
  expect(() => cronerCalendar.open('* * * * *', zone)).toThrowError(
    expect.objectContaining({
      code: 'invalid_input',
      errors: [expect.objectContaining({ pointer: '/time_zone' })],
    }),
  );
});

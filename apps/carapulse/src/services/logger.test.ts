import { expect, test } from 'vitest';
import { createLogger } from './logger.ts';

test.each(['json', 'text'] as const)(
  'a %s line that cannot be written is lost, and the next one comes',
  (format) => {
    const lines: string[] = [];
    let full = true;
    const logger = createLogger({
      level: 'info',
      format,
      redact: (value) => value,
      clock: { monotonicMs: () => 0 },
      write: (line) => {
        if (full) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
        lines.push(line);
      },
    });
    logger.error('first');
    full = false;
    logger.error('second');
    expect(lines).toEqual([expect.stringContaining('second')]);
  },
);

test('what is said again within a minute is left out, and counted in the next line that says it', () => {
  const lines: Array<Record<string, unknown>> = [];
  let nowMs = 0;
  const logger = createLogger({
    level: 'info',
    format: 'json',
    redact: (value) => value,
    clock: { monotonicMs: () => nowMs },
    write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>),
  });
  for (; nowMs <= 60_000; nowMs += 1000)
    logger.error('a pass failed', { cause: 'the "time":"x", is out of joint' });
  logger.error('a pass failed', { cause: 'another' });
  logger.warn('a pass failed', { cause: 'another' });
  for (const line of lines) delete line['time'];
  expect(lines).toEqual([
    { level: 'error', msg: 'a pass failed', cause: 'the "time":"x", is out of joint' },
    { level: 'error', msg: 'a pass failed', cause: 'the "time":"x", is out of joint', repeated: 59 },
    { level: 'error', msg: 'a pass failed', cause: 'another' },
    { level: 'warn', msg: 'a pass failed', cause: 'another' },
  ]);
});

test('so many different lines are remembered, and no more', () => {
  const lines: string[] = [];
  const logger = createLogger({
    level: 'info',
    format: 'text',
    redact: (value) => value,
    clock: { monotonicMs: () => 0 },
    write: (line) => lines.push(line),
  });
  for (let round = 0; round < 2; round += 1)
    for (let number = 0; number <= 1000; number += 1) logger.info('line', { number });
  expect(lines.length).toBe(2 * 1001);
});

import { APP_ERROR_CODES } from '@carapulse/kernel';
import { describe, expect, it } from 'vitest';
import { exitCodeOf, exitCodeOfRun } from './exit-codes.ts';

describe('exit statuses', () => {
  it('are given for every failure, and never say ok', () => {
    expect(APP_ERROR_CODES.filter((code) => exitCodeOf(code) < 1)).toEqual([]);
  });

  it.each([
    ['invalid_input', 2],
    ['unauthenticated', 4],
    ['forbidden', 4],
    ['policy_denied', 5],
    ['approval_invalid', 6],
    ['plan_expired', 6],
    ['verification_failed', 7],
    ['plan_stale', 8],
    ['timeout', 124],
    ['cancelled', 130],
    ['unavailable', 1],
  ] as const)('of %s is %i', (code, status) => {
    expect(exitCodeOf(code)).toBe(status);
  });

  it('of a run tell whether its checks passed', () => {
    expect(exitCodeOfRun('succeeded', true)).toBe(0);
    expect(exitCodeOfRun('rolled_back', false)).toBe(7);
    expect(exitCodeOfRun('failed', true)).toBe(1);
    expect(exitCodeOfRun('parked', false)).toBe(1);
    expect(exitCodeOfRun('succeeded_with_skips', true)).toBe(7);
    expect(exitCodeOfRun('cancelled', true)).toBe(130);
  });
});

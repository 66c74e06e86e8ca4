import { describe, expect, test } from 'vitest';
import { describeUnmet, evaluateExpectations, valueAt } from './evaluate-expectation.ts';

const at = (
  pointer: string,
  op: 'eq' | 'ne' | 'lt' | 'gte' | 'contains' | 'exists',
  value: string | number | boolean,
) => [{ pointer, op, value }];

describe('evaluateExpectations', () => {
  test('a value that is missing makes the sample unclear, never met or unmet', () => {
    expect(evaluateExpectations(at('/result/0/value', 'lt', 1), { result: [] })).toBe('unclear');
    expect(evaluateExpectations(at('/status', 'ne', 200), {})).toBe('unclear');
  });

  test('a value of another type is unclear', () => {
    expect(evaluateExpectations(at('/status', 'eq', 200), { status: '200' })).toBe('unclear');
    expect(evaluateExpectations(at('/status', 'lt', 200), { status: 'NaN' })).toBe('unclear');
  });

  test('objects are equal whatever the order of their members', () => {
    const wanted = [{ pointer: '/o', op: 'eq' as const, value: { a: 1, b: 2 } }];
    expect(evaluateExpectations(wanted, { o: { b: 2, a: 1 } })).toBe('met');
    expect(evaluateExpectations(wanted, { o: { b: 2, a: 2 } })).toBe('unmet');
  });

  test('one certain miss outweighs an unclear expectation', () => {
    const both = [...at('/gone', 'eq', 1), ...at('/status', 'eq', 200)];
    expect(evaluateExpectations(both, { status: 503 })).toBe('unmet');
    expect(evaluateExpectations(both, { status: 200 })).toBe('unclear');
  });

  test.each([
    [at('/n', 'lt', 5), 'met'],
    [at('/n', 'gte', 5), 'unmet'],
    [at('/s', 'contains', 'ell'), 'met'],
    [at('/l', 'contains', 2), 'met'],
    [at('/l', 'contains', 9), 'unmet'],
    [at('/gone', 'exists', false), 'met'],
    [at('/n', 'exists', false), 'unmet'],
    [at('/n', 'ne', 4), 'unmet'],
  ])('%j is %s', (expectations, verdict) => {
    expect(evaluateExpectations(expectations, { n: 4, s: 'hello', l: [1, 2] })).toBe(verdict);
  });
});

describe('valueAt', () => {
  test('follows escaped pointers and never inherits', () => {
    expect(valueAt({ 'a/b': { '~': 1 } }, '/a~1b/~0')).toBe(1);
    expect(valueAt({}, '/constructor')).toBeUndefined();
    expect(valueAt([1], '/length')).toBeUndefined();
  });
});

test('what does not hold is told by its place, what is there and what was wanted', () => {
  const wanted = [
    { pointer: '/complete', op: 'eq' as const, value: true },
    { pointer: '/n', op: 'gte' as const, value: 5 },
    { pointer: '/gone', op: 'exists' as const, value: true },
    { pointer: '/fine', op: 'eq' as const, value: 'yes' },
  ];
  expect(describeUnmet(wanted, { complete: false, n: 4, fine: 'yes' })).toEqual([
    '/complete is false, wanted eq true',
    '/n is 4, wanted gte 5',
    '/gone is missing, wanted some',
  ]);
});

import { describe, expect, test } from 'vitest';
import { Expectation } from './check.ts';
import { describeUnmet, evaluateExpectations, sourcesOf, valueAt } from './evaluate-expectation.ts';
import { fixtureCall } from './plan-fixture.ts';

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

describe('a bound by what an earlier step gave', () => {
  const than = (factor: number, plus: number, op: 'lte' | 'gt' = 'lte') => [
    {
      pointer: '/value',
      op,
      value: null,
      relative: { from_step: 'look', from_pointer: '/value', factor, plus },
    },
  ];

  test.each([
    [than(1.2, 0), 10, 12, 'met'],
    [than(1.2, 0), 10, 12.1, 'unmet'],
    [than(1, 0.5), 0, 0.5, 'met'],
    [than(1, 0), 0, 0.1, 'unmet'],
    [than(0, 3), 99, 3, 'met'],
    [than(0.9, 0, 'gt'), 100, 91, 'met'],
    [than(0.9, 0, 'gt'), 100, 90, 'unmet'],
  ] as const)('%j of %s: %s is %s', (wanted, before, after, verdict) => {
    expect(evaluateExpectations(wanted, { value: after }, { look: { value: before } })).toBe(verdict);
  });

  test.each([
    ['no such output', {}],
    ['an output without the value', { look: {} }],
    ['no number', { look: { value: '7' } }],
    ['a bound that is no number', { look: { value: 1.7e308 } }],
  ])('is unclear with %s, whatever there is now', (_, outputs) => {
    expect(evaluateExpectations(than(2, 0), { value: 1 }, outputs)).toBe('unclear');
    expect(evaluateExpectations(than(2, 0, 'gt'), { value: 1 }, outputs)).toBe('unclear');
  });

  test('is unclear without a value now', () => {
    expect(evaluateExpectations(than(2, 0), {}, { look: { value: 1 } })).toBe('unclear');
  });

  test('tells the bound and what it is made of', () => {
    expect(describeUnmet(than(2, 1), { value: 9 }, { look: { value: 3 } })).toEqual([
      '/value is 9, wanted lte 7 (2 × 3 of look + 1)',
    ]);
    expect(describeUnmet(than(2, 1), { value: 9 })).toEqual([
      '/value is 9, wanted lte a bound by look/value, which is no number',
    ]);
  });

  test('stands alone, for orders alone, within its own bounds', () => {
    const [good] = than(2, 1);
    const faults = (change: object) => Expectation.safeParse({ ...good, ...change }).success;
    expect(faults({})).toBe(true);
    expect(faults({ value: 3 })).toBe(false);
    expect(faults({ op: 'eq' })).toBe(false);
    expect(faults({ relative: { ...good?.relative, factor: -1 } })).toBe(false);
    expect(faults({ relative: { ...good?.relative, plus: Number.POSITIVE_INFINITY } })).toBe(false);
  });

  test('names the step that a check takes from, once', () => {
    const bounds = { type: 'boolean' as const };
    const binding = { pointer: '/a', from_step: 'first', from_pointer: '/a', bounds };
    const call = fixtureCall({}, { bindings: [binding] });
    expect(sourcesOf({ call, expect: [...than(1, 0), ...than(2, 0)] })).toEqual(['first', 'look']);
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

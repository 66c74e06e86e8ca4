import { describe, expect, test } from 'vitest';
import { judgeAim } from './judge-aim.ts';
import { mergeRounds, quantile, type Measurement } from './measurement.ts';

const measured = (aim: string, ours: number, peer: number | null, ratio: number | null): Measurement => ({
  metric: 'm',
  ours,
  peer,
  ratio,
  unit: 'ms',
  aim,
});

describe('judgeAim', () => {
  test.each([
    ['≤ 1 ms', 1, 30, 2, true],
    ['≤ 1 ms', 1.1, 30, 30, false],
    ['≤ 1 ms, ≥ 10× faster', 0.5, 4, 8, false],
    ['≤ 1 ms, ≥ 10× faster', 0.5, 6, 12, true],
    ['ratio ≥ 0.7', 10, 20, 0.5, false],
    ['≤ 1.3× raw', 1.2, 1, 1.2, true],
    ['≤ 12 ms more', 20, 5, 4, false],
    ['≤ 12 ms more', 16, 5, 3, true],
    ['≤ 2000 for the product', 1500, null, null, true],
    ['ratio ≤ 2', 1, null, null, false],
  ] as const)('%s of %d beside %s (%s): %s', (aim, ours, peer, ratio, met) => {
    expect(judgeAim(measured(aim, ours, peer, ratio))).toBe(met);
  });

  test('a metric without an aim is neither met nor missed', () => {
    expect(judgeAim(measured('', 1, 1, 1))).toBeNull();
  });

  test('an aim that cannot be read is an error', () => {
    expect(() => judgeAim(measured('as fast as possible', 1, 1, 1))).toThrow('cannot be read');
    expect(() => judgeAim(measured('≤ 1 ms, soon', 1, 1, 1))).toThrow('"soon"');
  });
});

test('rounds are merged by metric: medians of each side, and of the ratios of the pairs', () => {
  const round = (ours: number, peer: number): readonly Measurement[] => [
    measured('', ours, peer, ours / peer),
  ];
  expect(mergeRounds([round(1, 2), round(10, 5), round(3, 4)])).toEqual([measured('', 3, 4, 0.75)]);
});

test('a quantile is the value of the nearest rank', () => {
  expect(quantile([5, 1, 4, 2, 3], 0.5)).toBe(3);
  expect(quantile([1, 2, 3], 0.99)).toBe(3);
});

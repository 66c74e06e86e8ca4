import { expect, test } from 'vitest';
import { withResult, type BenchResult } from './render-results.ts';

const AT = new Date('2026-03-01T10:20:30Z');
const result = (name: string, ours: number | null): BenchResult => ({
  name,
  peer: 'bare',
  rounds: 1,
  rows: ours === null ? [] : [{ metric: 'step', ours, peer: 2, ratio: ours / 2, unit: 'ms', aim: '≤ 1×' }],
  skipped: ours === null ? 'no server' : null,
});

test('a result takes its place by name, and leaves the others', () => {
  let text = '';
  for (const each of [result('b', 1), result('c', null), result('a', 3), result('b', 4)])
    text = withResult(text, each, AT);
  expect(text.match(/^(## .*|\| step .*|Beside .*|Skipped.*)$/gm)).toEqual([
    '## a',
    'Beside bare; one round, 2026-03-01 10:20 UTC.',
    '| step | 3.00 | 2.00 | 1.50 | ms | ≤ 1× | no |',
    '## b',
    'Beside bare; one round, 2026-03-01 10:20 UTC.',
    '| step | 4.00 | 2.00 | 2.00 | ms | ≤ 1× | no |',
    '## c',
    'Skipped: no server',
  ]);
});

test('what is skipped leaves what was measured', () => {
  const measured = withResult('', result('a', 1), AT);
  expect(withResult(measured, result('a', null), AT)).toBe(measured);
});

test('results of another machine are refused', () => {
  const measured = withResult('', result('a', 1), AT).replace('- memory: ', '- memory: 9');
  expect(() => withResult(measured, result('b', 1), AT)).toThrow('measured on another machine');
});

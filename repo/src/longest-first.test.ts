import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LONGEST, longestFirst } from './longest-first.ts';

const ROOT = join(import.meta.dirname, '..', '..');

test('each of the longest files is there', () => {
  expect(LONGEST.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  expect(new Set(LONGEST).size).toBe(LONGEST.length);
});

test('the longest come first, the others in the order that they had', () => {
  const paths = ['b.test.ts', LONGEST[1] ?? '', 'a.test.ts', LONGEST[0] ?? ''].map(
    (path) => `/clone/${path}`,
  );
  expect(longestFirst(paths, (path) => path)).toEqual([
    `/clone/${LONGEST[0]}`,
    `/clone/${LONGEST[1]}`,
    '/clone/b.test.ts',
    '/clone/a.test.ts',
  ]);
});

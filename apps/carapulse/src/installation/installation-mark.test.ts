import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { installationMark } from './installation-mark.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'carapulse-mark-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const mark = (directory: string, keys = ['a', 'b']) => installationMark(join(directory, 'id'), keys);

test('is the same for each process on a directory, and another for a copy of it or with other keys', async () => {
  const [one, copy] = [join(root, 'one'), join(root, 'copy')];
  const first = await mark(one);
  expect(await mark(one)).toBe(first);
  expect(await mark(one, ['a', 'c'])).not.toBe(first);
  cpSync(one, copy, { recursive: true, preserveTimestamps: true });
  expect(await mark(copy)).not.toBe(first);
  rmSync(copy, { recursive: true });
  expect(await mark(one)).toBe(first);
});

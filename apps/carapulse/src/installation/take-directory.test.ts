import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { takeDirectory } from './take-directory.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'carapulse-taken-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test('with the embedded database one process has the directory, however far it is', () => {
  const first = takeDirectory(root, false);
  first.letIn();
  expect(() => takeDirectory(root, false)).toThrow('is in use');
  first.release();
  takeDirectory(root, false).release();
});

test('on a server others come in once the first lets them, and know that they are not the first', () => {
  const first = takeDirectory(root, true);
  expect(first.first).toBe(true);
  first.letIn();
  const second = takeDirectory(root, true);
  expect(second.first).toBe(false);
  second.letIn();
  expect(() => takeDirectory(root, false)).toThrow('is in use');
  first.release();
  expect(takeDirectory(root, true).first).toBe(false);
  second.release();
});

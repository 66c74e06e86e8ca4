import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { watchPolicies } from './watch-policies.ts';

let root: string;
let directory: string;
let reloaded: PromiseWithResolvers<'loaded'>;
let stop: () => void;
const logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => logger };

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'carapulse policies '));
  directory = join(root, 'policies');
  reloaded = Promise.withResolvers();
});
afterEach(() => {
  stop();
  rmSync(root, { recursive: true, force: true });
});

function watching(): void {
  const reload = (): Promise<string> => {
    reloaded.resolve('loaded');
    return Promise.resolve('sha256:0');
  };
  stop = watchPolicies(directory, { bundleDigest: () => null, reload }, logger);
}
function write(at: string): void {
  mkdirSync(at, { recursive: true });
  writeFileSync(join(at, 'rules.rego'), 'package x\n');
}
/** Waits for the load of the rules that `change` leads to. */
async function loadedAfter(change: () => void): Promise<'loaded'> {
  reloaded = Promise.withResolvers();
  change();
  return reloaded.promise;
}

test('a file that changes, and one in a folder below', async () => {
  write(join(directory, 'more'));
  watching();
  expect(await loadedAfter(() => write(directory))).toBe('loaded');
  expect(await loadedAfter(() => write(join(directory, 'more')))).toBe('loaded');
});

test('a directory that another takes the place of, and then a file of that one', async () => {
  write(directory);
  watching();
  write(join(root, 'next'));
  const after = await loadedAfter(() => {
    renameSync(directory, join(root, 'before'));
    renameSync(join(root, 'next'), directory);
  });
  expect(after).toBe('loaded');
  expect(await loadedAfter(() => write(directory))).toBe('loaded');
});

test('a link that is turned to another directory', async () => {
  write(join(root, 'release 1'));
  write(join(root, 'release 2'));
  symlinkSync('release 1', directory);
  watching();
  const after = await loadedAfter(() => {
    symlinkSync('release 2', `${directory}.new`);
    renameSync(`${directory}.new`, directory);
  });
  expect(after).toBe('loaded');
  expect(await loadedAfter(() => write(join(root, 'release 2')))).toBe('loaded');
});

test('a directory that is made after the start', async () => {
  watching();
  expect(await loadedAfter(() => write(directory))).toBe('loaded');
});

import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { keptBundle } from './kept-bundle.ts';

let home: string;
let kept: string;
let source: string;
let absent: string;
let made: number;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'carapulse-bundle-'));
  mkdirSync(join(home, 'cache'));
  kept = join(home, 'cache', 'bundle.json');
  source = join(home, 'machine.ts');
  absent = join(home, 'machine', 'index.ts');
  change(source, 'one');
  made = 0;
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** Some time ago, so that it can't have been while a bundle was made. */
function change(path: string, text: string): void {
  writeFileSync(path, text);
  utimesSync(path, 1_700_000_000, 1_700_000_000);
}

const bundle = (workflowsPath = '/workflows.ts'): Promise<string> =>
  keptBundle(kept, workflowsPath, async () => {
    made += 1;
    return { code: `bundle of ${readFileSync(source, 'utf8')}`, paths: [source, absent, home] };
  });

describe('a bundle that was kept', () => {
  test('is given out again, its file its owner’s alone', async () => {
    expect(await bundle()).toBe('bundle of one');
    expect(await bundle()).toBe('bundle of one');
    expect(made).toBe(1);
    expect(statSync(kept).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(home, 'cache'))).toEqual(['bundle.json']);
  });

  const rewrite = (edit: (text: string) => string): void =>
    writeFileSync(kept, edit(readFileSync(kept, 'utf8')));
  test.each<[string, () => void]>([
    ['a file of it has changed', () => change(source, 'two')],
    [
      'a file has come that would be taken in its place',
      () => {
        mkdirSync(join(home, 'machine'));
        change(absent, '');
      },
    ],
    ['its code was altered', () => rewrite((text) => text.replace('bundle of one', 'bundle of two'))],
    ['it is cut off', () => rewrite((text) => text.slice(0, -10))],
    ['another Node made it', () => rewrite((text) => text.replace(process.version, 'v1.2.3'))],
    [
      'it says of what it was made no more',
      () => rewrite((text) => text.replace(/"files":\{.*?\}/, '"files":{}')),
    ],
    ['it is gone', () => rmSync(kept)],
  ])('is made anew when %s, and kept then', async (_, happen) => {
    await bundle();
    happen();
    expect(await bundle()).toBe(`bundle of ${readFileSync(source, 'utf8')}`);
    expect(made).toBe(2);
    await bundle();
    expect(made).toBe(2);
  });

  test('is not kept when a file changed while it was made', async () => {
    writeFileSync(source, 'just now');
    await bundle();
    await bundle();
    expect(made).toBe(2);
  });

  test('is of one module', async () => {
    await bundle();
    await bundle('/others.ts');
    expect(made).toBe(2);
  });

  test('isn’t needed: where it can’t be written, a bundle is made each time', async () => {
    rmSync(join(home, 'cache'), { recursive: true });
    expect([await bundle(), await bundle()]).toEqual(['bundle of one', 'bundle of one']);
    expect(made).toBe(2);
  });
});

import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lockDirectory } from '@carapulse/store-postgres';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { claimDemoDirectory, emptyDemoDirectory } from './demo-directory.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'carapulse-demo-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const signal = new AbortController().signal;

describe('the directory of a demo', () => {
  test('what no demo made is refused and stays', async () => {
    writeFileSync(join(root, 'thesis.txt'), 'years of work');
    await expect(claimDemoDirectory(root)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('thesis.txt'),
    });
    mkdirSync(join(root, 'demo'));
    await expect(claimDemoDirectory(root)).rejects.toMatchObject({ code: 'conflict' });
    expect(existsSync(join(root, 'thesis.txt'))).toBe(true);
  });

  test('a demo makes it, and the next one empties it', async () => {
    const directory = join(root, 'with space', 'demo');
    await claimDemoDirectory(directory);
    const first = await emptyDemoDirectory(directory, signal);
    writeFileSync(join(directory, 'left'), '');
    first.release();
    await claimDemoDirectory(directory);
    const second = await emptyDemoDirectory(directory, signal);
    expect(existsSync(join(directory, 'left'))).toBe(false);
    second.release();
  });

  test('only what root makes above it lets others pass', async () => {
    const directory = join(root, 'outer', 'inner', 'demo');
    await claimDemoDirectory(directory);
    const modes = ['outer', 'outer/inner', 'outer/inner/demo'].map(
      (path) => statSync(join(root, path)).mode & 0o777,
    );
    const above = process.getuid?.() === 0 ? 0o711 : 0o700;
    expect(modes).toEqual([above, above, 0o700]);
  });

  test('a second demo is refused while one runs, and deletes nothing', async () => {
    await claimDemoDirectory(root);
    const first = await emptyDemoDirectory(root, signal);
    writeFileSync(join(root, 'in-use'), '');
    await claimDemoDirectory(root);
    await expect(emptyDemoDirectory(root, signal)).rejects.toThrow(`in use by process ${process.pid}`);
    expect(readdirSync(root)).toContain('in-use');
    first.release();
  });

  test('an installation that still runs there is refused, and nothing of it is deleted', async () => {
    await claimDemoDirectory(root);
    (await emptyDemoDirectory(root, signal)).release();
    const running = lockDirectory(root, { subject: 'installation', instead: '' });
    writeFileSync(join(root, 'in-use'), '');
    await expect(emptyDemoDirectory(root, signal, 0)).rejects.toMatchObject({ code: 'conflict' });
    expect(readdirSync(root)).toContain('in-use');
    running.release();
    (await emptyDemoDirectory(root, signal, 0)).release();
    expect(readdirSync(root)).toEqual(['demo']);
  });
});

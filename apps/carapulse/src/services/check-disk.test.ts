import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { checkDisk } from './check-disk.ts';

const MB = 1024 * 1024;

test.each([
  [100 * MB, { ok: true, detail: '100 MB free' }],
  [100 * MB - 1, { ok: false, detail: '99 MB free in /srv/x, 100 are needed: make room' }],
  [0, { ok: false, detail: '0 MB free in /srv/x, 100 are needed: make room' }],
])('with %i bytes left the disk is %o', async (free, found) => {
  expect(await checkDisk('/srv/x', async () => free)).toEqual({ name: 'disk', ...found });
});

test('the disk of the directory is looked at, and one that is gone is not ready', async () => {
  expect((await checkDisk(tmpdir())).detail).toMatch(/^\d+ MB free/);
  expect(await checkDisk('/nowhere/at/all')).toMatchObject({
    ok: false,
    detail: expect.stringContaining('ENOENT'),
  });
});

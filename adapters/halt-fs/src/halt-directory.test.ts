import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openHaltDirectory, type HaltDirectory } from './halt-directory.ts';

const AT = '2026-01-01T00:00:00.000Z';
const PRODUCTION = { tenant_id: 't', environment: 'production' };
const STAGING = { tenant_id: 't', environment: 'staging' };
let root: string;
let one: HaltDirectory;
/** As another process has it: the two share nothing but the files. */
let other: HaltDirectory;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'carapulse-halt-'));
  one = openHaltDirectory(root);
  other = openHaltDirectory(root);
});
afterEach(() => {
  one.close();
  other.close();
  rmSync(root, { recursive: true, force: true });
});

const scopes = (): readonly string[] => one.list().map((entry) => entry.scope);

test('halts and resumes of two processes at the same moment undo nothing of each other', async () => {
  await one.halt('staging', 'drill', 'user:a', AT);
  const turns = await Promise.all([
    one.halt('production', 'fire', 'user:a', AT),
    other.halt('*', 'fire', 'user:b', AT),
    other.resume('staging'),
    one.halt('test', 'drill', 'user:c', AT),
  ]);
  expect(turns[2]).toBe(true);
  expect(scopes().toSorted()).toEqual(['*', 'production', 'test']);
  expect(await one.resume('staging')).toBe(false);
});

test('a halt of another process ends what is under way', async () => {
  const signal = one.signal(PRODUCTION);
  await other.halt('staging', 'drill', 'user:a', AT);
  expect(one.state(PRODUCTION)).toBeNull();
  const aborted = new Promise<void>((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true }),
  );
  expect(signal.aborted).toBe(false);
  await other.halt('production', 'fire', 'user:a', AT);
  await aborted;
  expect(signal.reason).toMatchObject({ scope: 'production', reason: 'fire', by: 'user:a' });
  expect(one.signal(STAGING).aborted).toBe(true);
});

test.each([
  ['an empty one', 'production.json', ''],
  ['no JSON', 'production.json', '{'],
  ['one of another scope', 'production.json', JSON.stringify({ scope: '*', reason: '', by: '', at: AT })],
  ['one of a name that no scope has', 'now', ''],
])('a file that cannot be read halts everything: %s', async (_what, name, content) => {
  writeFileSync(join(root, 'halts', name), content);
  expect(one.state(STAGING)).toMatchObject({ scope: '*', reason: expect.stringContaining(`rm '${root}`) });
});

test('what cannot be read is replaced by a halt of its scope, and removed by a resume', async () => {
  writeFileSync(join(root, 'halts', 'production.json'), '');
  await one.halt('production', 'fire', 'user:a', AT);
  expect(one.state(STAGING)).toBeNull();
  writeFileSync(join(root, 'halts', 'production.json'), '');
  expect(await one.resume('production')).toBe(true);
  expect(one.list()).toEqual([]);
});

test('a directory of halts that is none halts everything', () => {
  rmSync(join(root, 'halts'), { recursive: true });
  expect(one.state(STAGING)).toBeNull();
  writeFileSync(join(root, 'halts'), '');
  expect(one.state(STAGING)).toMatchObject({ scope: '*' });
});

test('with no room for a byte a halt of one scope halts everything, until everything is resumed', async () => {
  const script = `
    import { openHaltDirectory } from ${JSON.stringify(join(import.meta.dirname, 'halt-directory.ts'))};
    process.on('SIGXFSZ', () => {});
    await openHaltDirectory(${JSON.stringify(root)}).halt('staging', 'drill', 'user:a', ${JSON.stringify(AT)});`;
  const done = spawnSync('sh', ['-c', 'ulimit -f 0; exec "$0" "$@"', process.execPath, '-e', script], {
    encoding: 'utf8',
  });
  expect(done).toMatchObject({ status: 0 });
  expect(one.state(PRODUCTION)).toMatchObject({ scope: '*' });
  expect(readdirSync(join(root, 'halts'))).toEqual(['_all.json']);
  expect(await one.resume('*')).toBe(true);
  expect(one.list()).toEqual([]);
});

test('a halt that cannot be kept at all is told', async () => {
  rmSync(join(root, 'halts'), { recursive: true });
  await expect(one.halt('*', 'fire', 'user:a', AT)).rejects.toMatchObject({ code: 'unavailable' });
});

test('a halt that an older version wrote holds until its scope is resumed', async () => {
  const halted = ['production', 'staging'].map((scope) => ({ scope, reason: 'fire', by: 'user:a', at: AT }));
  writeFileSync(join(root, 'halt.json'), JSON.stringify(halted));
  expect(one.state(PRODUCTION)).toMatchObject({ reason: 'fire' });
  await one.halt('production', 'fire again', 'user:b', AT);
  expect(await one.resume('production')).toBe(true);
  expect(one.state(PRODUCTION)).toBeNull();
  expect(scopes()).toEqual(['staging']);
  expect(await one.resume('staging')).toBe(true);
  expect(readdirSync(root)).toEqual(['halts']);
});

test("an older version's file that cannot be read halts everything, until everything is resumed", async () => {
  writeFileSync(join(root, 'halt.json'), '');
  expect(one.state(PRODUCTION)).toMatchObject({ scope: '*' });
  expect(await one.resume('production')).toBe(false);
  expect(await one.resume('*')).toBe(true);
  expect(one.list()).toEqual([]);
});

test('what root halts is read by whoever runs the server, and by nobody else', async () => {
  await one.halt('production', 'fire', 'os:root', AT);
  const modes = ['halts', 'halts/production.json'].map((path) => statSync(join(root, path)).mode & 0o777);
  expect(modes).toEqual([0o700, 0o644]);
});

test('what was left of a write that was killed halts nothing', () => {
  mkdirSync(join(root, 'halts'), { recursive: true });
  writeFileSync(join(root, 'halts', '.production.json.0011'), '');
  expect(one.list()).toEqual([]);
});

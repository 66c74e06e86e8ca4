import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openLauncherDirectory } from './launcher-directory.ts';

const HOUR_MS = 3_600_000;
let parent: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'carapulse-launchers-'));
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

/** As a process that was killed leaves it. */
function abandon(name: string, ageMs = HOUR_MS): string {
  const path = join(parent, name);
  mkdirSync(path);
  writeFileSync(join(path, 'lock'), '');
  writeFileSync(join(path, 'launcher'), 'x');
  const then = new Date(Date.now() - ageMs);
  utimesSync(path, then, then);
  return path;
}

test('the directory of a process that was killed is removed, one that is fresh or no such directory stays', async () => {
  const left = abandon('carapulse-sandbox-exec-left');
  const stay = [abandon('carapulse-sandbox-exec-fresh', 0), abandon('carapulse-other')];
  symlinkSync(stay[1] ?? '', join(parent, 'carapulse-sandbox-exec-link'));
  const own = await openLauncherDirectory(Date.now(), parent);
  expect(existsSync(left)).toBe(false);
  for (const path of stay) expect(existsSync(join(path, 'launcher'))).toBe(true);
  await own.close();
  expect(existsSync(own.path)).toBe(false);
});

test('the directory of one that lives stays, however old', async () => {
  const first = await openLauncherDirectory(Date.now(), parent);
  const second = await openLauncherDirectory(Date.now() + HOUR_MS, parent);
  expect(existsSync(first.path)).toBe(true);
  expect(second.path).not.toBe(first.path);
  await Promise.all([first.close(), second.close()]);
});

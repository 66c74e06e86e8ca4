import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openWorkspace } from './workspace.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'carapulse-workspace-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** What commands of root, which run as somebody else, must be able to pass through. */
const PASSABLE = process.getuid?.() === 0 ? 0o711 : 0o700;

test.each([0o700, 0o755])(
  'directories that were there with mode %o are passable for whom commands run as, and no more',
  async (before) => {
    const paths = { scratch: join(root, 'scratch'), toolCache: join(root, 'tools') };
    for (const path of Object.values(paths)) mkdirSync(path, { mode: before });
    await openWorkspace(paths, async () => {}, false);
    for (const path of Object.values(paths)) expect(statSync(path).mode & 0o777).toBe(PASSABLE);
  },
);

test('a strict umask takes nothing away', async () => {
  const paths = { scratch: join(root, 'scratch'), toolCache: join(root, 'tools') };
  const umask = process.umask(0o077);
  try {
    const workspace = await openWorkspace(paths, async () => {}, true);
    await (await workspace.open('git', [], AbortSignal.timeout(1000))).close();
  } finally {
    process.umask(umask);
  }
  for (const path of Object.values(paths)) expect(statSync(path).mode & 0o777).toBe(PASSABLE);
});

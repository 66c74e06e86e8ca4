import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openHaltDirectory } from '@carapulse/halt-fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { halt } from './halt.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'carapulse-halt-command-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test.each(['', 'Production', 'production ', '../x'])(
  'nobody is told that %j is halted when it can be no environment',
  async (scope) => {
    const halting = halt({ directory: root, scope, reason: 'fire' });
    await expect(halting).rejects.toMatchObject({ code: 'invalid_input' });
    expect(openHaltDirectory(root).list()).toEqual([]);
  },
);

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { runCommandLine } from './command-line.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'carapulse-command-line-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

test.each([[['demo']], [['demo', 'cluster']]])('%j lives where its --directory says', async (command) => {
  const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const file = join(folder, 'file');
  writeFileSync(file, '');
  const directory = join(file, 'below');
  expect(await runCommandLine([...command, '--directory', directory])).toBe(1);
  expect(said.mock.calls.join('')).toContain(`Cannot make the demo's directory ${directory}`);
});

test('an option before an inner command is refused, not ignored', async () => {
  const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  expect(await runCommandLine(['demo', '--yes', 'cluster', '--exit'])).toBe(2);
  expect(said.mock.calls.join('')).toContain('write options after the command: demo cluster --yes');
});

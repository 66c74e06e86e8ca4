import { spawn } from 'node:child_process';
import { once } from 'node:events';
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

test('a reader that has enough changes nothing of what a command does', async () => {
  const main = join(import.meta.dirname, 'main.ts');
  const command = spawn(process.execPath, [main, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
  command.stdout.destroy();
  let said = '';
  command.stderr.on('data', (text: Buffer) => (said += text.toString()));
  const [status] = (await once(command, 'close')) as [number];
  expect({ status, said }).toEqual({ status: 0, said: '' });
});

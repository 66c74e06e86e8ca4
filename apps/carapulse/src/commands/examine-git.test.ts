import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PROGRAM_DIRECTORIES } from '../services/find-program.ts';
import { examineGit } from './examine-git.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'carapulse-git-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('the git of this machine is found, and a missing one is told with where it was looked for', () => {
  expect(examineGit(PROGRAM_DIRECTORIES).state).toBe('ok');
  expect(examineGit([directory])).toMatchObject({ state: 'bad', detail: `not found in ${directory}` });
});

test.each([
  ['is too old', 'echo git version 2.33.9', /is 2\.33\.9, 2\.34 or newer/],
  ['fails', 'exit 1', /ended with 1/],
  ['hangs', 'exec sleep 600', /within 2 s/],
  ['floods', 'exec yes', /more than a version/],
  ['prints escapes', String.raw`printf '\033[2J\033]0;x\007git'`, /says “\\u\{1b\}\[2J/],
])('a git that %s is told as that', (_how, script, detail) => {
  writeFileSync(join(directory, 'git'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const found = examineGit([directory], 2000);
  expect(found).toMatchObject({
    state: 'bad',
    detail: expect.stringMatching(detail),
    fix: expect.any(String),
  });
  expect(found.detail).not.toMatch(/\p{Cc}/u);
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { supervise, type SuperviseSpec } from './supervise.ts';

const SPEC: SuperviseSpec = {
  program: '/bin/true',
  argv: ['true'],
  cwd: '/',
  env: [],
  files: [],
  readOnly: [],
  readWrite: [],
  devices: [],
  identities: {},
  confine: 'none',
  wrap: [],
  namespaces: false,
  egressSocket: '',
  landlockAbi: 0,
  uid: -1,
  gid: -1,
  wallMs: 1000,
  memoryBytes: 1e8,
  pids: 10,
  fileBytes: 1e6,
  openFiles: 10,
  cgroups: [],
};

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'carapulse-supervise-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** A supervisor that ends as `script` does and says nothing of the run. */
function silent(script: string, signal: AbortSignal) {
  const launcher = join(directory, 'launcher');
  writeFileSync(launcher, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return supervise(SPEC, { launcher, outputBytes: 1000, signal });
}

test('a supervisor that ends without a word when told to stop has stopped', async () => {
  expect(await silent('read spec <&3; exit 0', AbortSignal.abort())).toMatchObject({
    exitCode: null,
    stoppedBy: 'cancelled',
  });
});

test.each([
  ['ends without a word by itself', 'exit 0', new AbortController().signal],
  ['is killed, told to stop or not', 'kill -9 $$', AbortSignal.abort()],
])('a supervisor that %s leaves the run untold', async (_how, script, signal) => {
  await expect(silent(`read spec <&3; ${script}`, signal)).rejects.toMatchObject({
    code: 'sandbox_unavailable',
    message: expect.stringContaining('without telling'),
  });
});

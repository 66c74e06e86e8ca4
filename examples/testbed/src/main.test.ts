import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { processesNaming } from './processes-naming.testing.ts';

let cache: string;
beforeAll(async () => {
  cache = await mkdtemp(join(tmpdir(), 'carapulse-testbed-'));
});
afterAll(() => rm(cache, { recursive: true, force: true }));

function testbed(...args: readonly string[]) {
  const main = join(import.meta.dirname, 'main.ts');
  const env = { ...process.env, CARAPULSE_CACHE: cache };
  return spawnSync(process.execPath, [main, ...args], { env, encoding: 'utf8' });
}

test('a server that is not built is refused with the command that builds it, and nothing is started', async () => {
  const { status, stderr } = testbed('start', 'temporal');
  expect(status).toBe(1);
  expect(stderr).toContain('npm run testbed -- build temporal');
  expect(existsSync(join(cache, 'testbed'))).toBe(false);
  expect(await processesNaming(cache)).toEqual([]);
});

test('what runs on another server is started with it, after it', () => {
  const { status, stderr } = testbed('start', 'argocd');
  expect(status).toBe(1);
  expect(stderr).toContain("cluster can't start");
  expect(stderr).toContain('npm run testbed -- build cluster');
});

test('the fakes need nothing that is built: started, they answer as it says', async () => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), 'start', 'fakes'], {
    env: { ...process.env, CARAPULSE_CACHE: cache },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const urls: string[] = [];
    for await (const line of createInterface(child.stdout)) {
      urls.push(...(/http:\S+$/.exec(line) ?? []));
      if (line === 'Running until Ctrl-C.') break;
    }
    expect(urls).toHaveLength(3);
    for (const url of urls) expect((await fetch(url)).status).toBe(401);
    expect(testbed('stop', 'fakes')).toMatchObject({ status: 0, stdout: 'fakes: stopped\n' });
  } finally {
    child.kill('SIGKILL');
  }
});

test('status tells of each server what it lacks', () => {
  const { status, stdout } = testbed('status');
  expect(status).toBe(0);
  expect(stdout).toMatch(/^temporal \(.*\): not built, not running$/m);
  expect(stdout).toMatch(/^cluster \(.*\): not built, not running$/m);
  expect(stdout).toMatch(/missing kube-apiserver: .*npm run testbed -- build cluster/);
});

test('what is unknown gets the usage, and stop without anything running is no fault', () => {
  expect(testbed('status', 'vault')).toMatchObject({ status: 2, stdout: '' });
  expect(testbed('toString')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('temporal, cluster'),
  });
  expect(testbed('stop', 'temporal')).toMatchObject({ status: 0, stdout: 'temporal: not running\n' });
});

test('a process that has the number of a dead holder is left alone', async () => {
  const directory = join(cache, 'testbed', 'temporal');
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'running.json'), JSON.stringify({ pid: process.pid, started: '1' }));
  expect(testbed('stop', 'temporal')).toMatchObject({ status: 0, stdout: 'temporal: not running\n' });
});

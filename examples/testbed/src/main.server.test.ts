import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findBuilt } from './find-binaries.ts';
import { processesNaming } from './processes-naming.testing.ts';

const main = join(import.meta.dirname, 'main.ts');
const { temporal } = await findBuilt(['temporal']);
if (temporal === undefined && process.env['CI'] === 'true')
  throw new Error('No Temporal: build it with `npm run testbed -- build temporal`');

describe.skipIf(temporal === undefined)('testbed (needs `npm run testbed -- build temporal`)', () => {
  let cache: string;
  beforeEach(async () => {
    cache = await mkdtemp(join(tmpdir(), 'carapulse-testbed-'));
    const built = dirname(temporal ?? '');
    await symlink(built, join(cache, basename(built)));
  });
  afterEach(() => rm(cache, { recursive: true, force: true }));

  const env = () => ({ ...process.env, CARAPULSE_CACHE: cache });
  const testbed = (...args: readonly string[]) =>
    promisify(execFile)(process.execPath, [main, ...args], { env: env() });

  /** A `start` that says it runs, and the lines it printed until then. */
  async function started() {
    const child = spawn(process.execPath, [main, 'start', 'temporal'], {
      env: env(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines: string[] = [];
    for await (const line of createInterface(child.stdout)) {
      lines.push(line);
      if (line === 'Running until Ctrl-C.') break;
    }
    return { child, lines, exit: once(child, 'exit') };
  }

  test('start prints what works as typed, refuses a second start, and ends by stop', async () => {
    const { child, lines, exit } = await started();
    try {
      const hint =
        lines
          .find((line) => line.includes('workflow list'))
          ?.trim()
          .split(' ') ?? [];
      const [program = '', ...args] = hint;
      await promisify(execFile)(program, args, { env: { HOME: cache } });
      expect((await testbed('status', 'temporal')).stdout).toContain(`running, held by process ${child.pid}`);
      await expect(testbed('start', 'temporal')).rejects.toMatchObject({
        stderr: expect.stringContaining('npm run testbed -- stop temporal'),
      });
      expect((await testbed('stop', 'temporal')).stdout).toBe('temporal: stopped\n');
      expect(await exit).toEqual([0, null]);
    } finally {
      child.kill('SIGKILL');
    }
    expect(await processesNaming(cache)).toEqual([]);
  });

  test('Ctrl-C ends it', async () => {
    const { child, exit } = await started();
    child.kill('SIGINT');
    expect(await exit).toEqual([0, null]);
    expect(await processesNaming(cache)).toEqual([]);
  });

  test('a server that dies ends its start with a fault', async () => {
    const { child, exit } = await started();
    try {
      const [pid] = (await processesNaming(cache)).filter((each) => each !== child.pid);
      process.kill(pid ?? 0, 'SIGKILL');
      expect(await exit).toEqual([1, null]);
    } finally {
      child.kill('SIGKILL');
    }
  });
});

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CommandSpec } from '@carapulse/tools';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findCgroups } from './find-cgroups.ts';
import { LinuxSandbox } from './open-sandbox.ts';

const signal = new AbortController().signal;
const groups = findCgroups();

describe.runIf(process.getuid?.() === 0)('started by root', () => {
  let dir: string;

  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'root-'));
    chmodSync(dir, 0o755);
    mkdirSync(join(dir, 'work'));
    chownSync(join(dir, 'work'), 65_534, 65_534);
    mkdirSync(join(dir, 'private'), { mode: 0o700 });
    mkdirSync(join(dir, 'private', 'deep'));
    writeFileSync(join(dir, 'work', 'roots'), 'secret', { mode: 0o600 });
  });

  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  const command = (argv: CommandSpec['argv'], over: Partial<CommandSpec> = {}): CommandSpec => ({
    argv,
    cwd: join(dir, 'work'),
    env: {},
    mounts: [{ path: join(dir, 'work'), mode: 'rw' }],
    egress: [],
    limits: { wallMs: 20_000, memoryBytes: 128 * 2 ** 20, pids: 60, outputBytes: 65_536 },
    ...over,
  });

  it('removes the groups that a killed supervisor left, and only those', async () => {
    const groups = findCgroups();
    const ended = spawnSync(process.execPath, ['-e', '']).pid;
    for (const group of groups) {
      mkdirSync(join(group, `carapulse-${ended}`));
      mkdirSync(join(group, `carapulse-${process.pid}`));
    }
    const sandbox = await LinuxSandbox.open({ cacheDir: join(dir, 'private', 'stale') }, signal);
    await sandbox.close();
    for (const group of groups) {
      expect(existsSync(join(group, `carapulse-${ended}`))).toBe(false);
      expect(existsSync(join(group, `carapulse-${process.pid}`))).toBe(true);
      rmdirSync(join(group, `carapulse-${process.pid}`));
    }
  });

  it.each([
    ['bubblewrap', {}],
    ['launcher', {}],
    ['launcher', { namespaces: false }],
  ] as const)('%s %j runs commands as another user, with its limits', async (backend, over) => {
    const sandbox = await LinuxSandbox.open(
      { cacheDir: join(dir, 'private', 'cache'), backends: [backend], ...over },
      signal,
    );
    try {
      // The suite for ordinary users fails in CI when a backend is missing.
      if (sandbox.status().backend === null) return;
      const told = await sandbox.run(command(['sh', '-c', 'id -u; id -G; touch mine; cat roots']), {
        signal,
      });
      expect(told.stdout).toBe('65534\n65534\n');
      expect(told.stderr).toMatch(/roots: Permission denied/);
      const hog = ['sh', '-c', 'x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done'] as const;
      expect((await sandbox.run(command(hog), { signal })).stoppedBy).toBe('memory');
      const bomb = ['sh', '-c', 'f() { f & f & wait; }; f'] as const;
      expect((await sandbox.run(command(bomb), { signal })).stoppedBy).toBe('pids');
      for (const group of groups) {
        // A group is named after its supervisor; those of living ones belong to other tests.
        const left = readdirSync(group).filter(
          (name) => name.startsWith('carapulse-') && !existsSync(`/proc/${name.slice('carapulse-'.length)}`),
        );
        expect(left).toEqual([]);
      }
      const deep = join(dir, 'private', 'deep');
      const unreachable = command(['true'], { cwd: deep, mounts: [{ path: deep, mode: 'rw' }] });
      await expect(sandbox.run(unreachable, { signal })).rejects.toMatchObject({
        code: 'sandbox_unavailable',
      });
    } finally {
      await sandbox.close();
    }
  });
});

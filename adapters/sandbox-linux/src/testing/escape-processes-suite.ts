import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eachCage } from './each-cage.ts';
import { type OpenLab, newToken, processesWith } from './lab.ts';

/** One suite of the sandbox's port, in each backend of a lab. */
export async function escapeProcesses(open: OpenLab): Promise<void> {
  const lab = await open();
  const allowsNamespaces = lab.cages.some(
    (cage) => cage.name.includes('with namespaces') && cage.missing === null,
  );
  const token = newToken();
  let victim: ChildProcess;
  let pid: string;

  beforeAll(async () => {
    victim = spawn(lab.launcher, ['attempt', 'linger', '600', token], {
      env: { SECRET: 'in-the-environment' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    if (victim.stdout === null) throw new Error('no output');
    await once(victim.stdout, 'data');
    pid = String(victim.pid);
  });

  afterAll(() => {
    victim.kill('SIGKILL');
    lab.close();
  });

  eachCage(lab, { kernels: true }, (cage) => {
    it.each([['read-environ'], ['read-cmdline'], ['read-memory'], ['lower-limit'], ['trace']])(
      'another process of the same user is safe from %s',
      async (name) => {
        expect((await lab.free(name, pid)).text).toBe(`${name}: escaped\n`);
        expect((await lab.caged(cage, [name, pid])).text).toMatch(new RegExp(`^${name}: held: `));
      },
    );

    it.each([['signal'], ['signal-by-fd']])('another process of the same user gets no %s', async (name) => {
      const target = spawn(lab.launcher, ['attempt', 'linger', '600', newToken()], {
        env: {},
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      if (target.stdout === null) throw new Error('no output');
      await once(target.stdout, 'data');
      const gone = once(target, 'exit');
      const words = [name, String(target.pid), '15'];
      expect((await lab.caged(cage, words)).text).toMatch(new RegExp(`^${name}: held: `));
      expect(target.exitCode).toBeNull();
      expect(target.signalCode).toBeNull();
      expect((await lab.free(...words)).escaped).toBe(true);
      await gone;
      expect(target.signalCode).toBe('SIGTERM');
    });

    it.each([['clone-user-ns'], ['io-uring']])('%s is closed', async (name) => {
      expect((await lab.caged(cage, [name])).text).toMatch(new RegExp(`^${name}: held: `));
    });

    it.runIf(allowsNamespaces)('a user namespace could be had without the sandbox', async () => {
      expect((await lab.free('clone-user-ns')).text).toBe('clone-user-ns: escaped\n');
    });

    it.each([['shared-memory'], ['memory-file'], ['privileges']])('%s is closed', async (name) => {
      expect((await lab.free(name)).text).toBe(`${name}: escaped\n`);
      expect((await lab.caged(cage, [name])).text).toMatch(new RegExp(`^${name}: held: `));
    });

    it('mounting is refused by the filter, not only for want of rights', async () => {
      expect((await lab.caged(cage, ['mount'])).text).toMatch(/^mount: held: operation not permitted/);
    });

    it('has no capabilities, no new privileges and a filter', async () => {
      const own = readFileSync('/proc/self/status', 'utf8');
      expect(own).toMatch(/^NoNewPrivs:\s+0$/m);
      expect(own).toMatch(/^Seccomp:\s+0$/m);
      const result = await lab.run(cage, [lab.launcher, 'attempt', 'confinement']);
      expect(result.stdout).toBe(
        'effective 0 permitted 0 inheritable 0 ambient 0 no_new_privs 1 seccomp 2\nconfinement: held: as told\n',
      );
    });

    it('a process in a session of its own does not survive the run', async () => {
      const free = newToken();
      await lab.free('survive', '60', free);
      const survivors = processesWith(free);
      expect(survivors.length).toBeGreaterThan(0);
      for (const survivor of survivors) process.kill(survivor, 'SIGKILL');
      const caged = newToken();
      const attempted = await lab.caged(cage, ['survive', '60', caged]);
      expect(attempted.text).toBe('survive: escaped\n');
      expect(processesWith(caged)).toEqual([]);
    });

    it('the whole tree ends when the caller gives up', async () => {
      const mine = newToken();
      const giveUp = new AbortController();
      const argv = [
        '/bin/sh',
        '-c',
        '"$0" attempt survive 60 "$1"; echo ready; sleep 60',
        lab.launcher,
        mine,
      ] as const;
      const result = await cage.sandbox.run(lab.command(argv), {
        signal: giveUp.signal,
        onOutput: ({ text }) => {
          if (text.includes('ready')) giveUp.abort();
        },
      });
      expect(result.stoppedBy).toBe('cancelled');
      expect(result.exitCode).toBeNull();
      expect(result.stdout).toContain('ready');
      expect(processesWith(mine)).toEqual([]);
    });

    it('the whole tree ends with its time', async () => {
      const mine = newToken();
      const argv = ['/bin/sh', '-c', '"$0" attempt survive 60 "$1"; sleep 60', lab.launcher, mine] as const;
      const limits = { wallMs: 400, memoryBytes: 2 ** 28, pids: 64, outputBytes: 4096 };
      const result = await lab.run(cage, argv, { limits });
      expect(result.stoppedBy).toBe('timeout');
      expect(result.durationMs).toBeLessThan(5000);
      expect(processesWith(mine)).toEqual([]);
    });
  });
}

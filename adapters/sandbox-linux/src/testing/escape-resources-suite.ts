import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { SandboxLimits } from '@carapulse/tools';
import { afterAll, expect, it } from 'vitest';
import { eachCage } from './each-cage.ts';
import { type OpenLab, newToken, processesWith } from './lab.ts';

/** One suite of the sandbox's port, in each backend of a lab. */
export async function escapeResources(open: OpenLab): Promise<void> {
  const lab = await open();
  const ROOM: SandboxLimits = { wallMs: 20_000, memoryBytes: 2 ** 30, pids: 1000, outputBytes: 2 ** 20 };
  const TITLE = String.raw`printf 'a\033]0;owned\007b\rC\302\233\342\200\256\377d\r\n'`;

  afterAll(() => lab.close());

  /** All output of a program that runs without a sandbox until it has written that much. */
  async function freeOutput(argv: readonly [string, ...string[]], bytes: number): Promise<Buffer> {
    const child = spawn(argv[0], argv.slice(1), { stdio: ['ignore', 'pipe', 'ignore'] });
    const parts: Buffer[] = [];
    let size = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      parts.push(chunk);
      size += chunk.length;
      if (size >= bytes) child.kill('SIGKILL');
    });
    await once(child, 'close');
    return Buffer.concat(parts);
  }

  eachCage(lab, { kernels: false }, (cage) => {
    it('a fork bomb stops at its limit and leaves nothing', async () => {
      const free = newToken();
      await lab.free('fork', '100', '0', free);
      const survivors = processesWith(free);
      expect(survivors.length).toBeGreaterThanOrEqual(100);
      for (const pid of survivors) process.kill(pid, 'SIGKILL');
      const caged = newToken();
      const attempt = ['fork', '3000', '10000', caged] as const;
      const limits = { ...ROOM, pids: 60 };
      const { result } = await lab.caged(cage, attempt, { limits });
      expect(result?.stoppedBy).toBe('pids');
      expect(processesWith(caged)).toEqual([]);
    });

    it('a fork bomb that nobody waits for stops as well', async () => {
      const mine = newToken();
      const bomb = 'f() { f "$1" & f "$1" & wait; }; f "$0"';
      const limits = { ...ROOM, pids: 60 };
      const result = await lab.run(cage, ['/bin/sh', '-c', bomb, mine], { limits });
      // Where the machine is busy the kernel's own limit may come between two looks: then it ends by itself.
      if (result.stoppedBy !== 'pids') expect(result.stderr).toContain('Cannot fork');
      expect(processesWith(mine)).toEqual([]);
    });

    it('memory stops at its limit, in one process or in many', async () => {
      expect((await lab.free('memory', '300', '0')).escaped).toBe(true);
      expect((await lab.caged(cage, ['memory', '300', '0'], { limits: ROOM })).escaped).toBe(true);
      const limits = { ...ROOM, memoryBytes: 128 * 1024 * 1024 };
      const one = await lab.caged(cage, ['memory', '300', '10000'], { limits });
      expect(one.result?.stoppedBy).toBe('memory');
      expect(one.escaped).toBe(false);
      const script = 'for i in 1 2 3 4 5; do "$0" attempt memory 60 10000 & done; wait';
      const many = await lab.run(cage, ['/bin/sh', '-c', script, lab.launcher], { limits });
      expect(many.stoppedBy).toBe('memory');
    });

    it('output stops at its limit and what was kept is whole', async () => {
      expect((await freeOutput(['/usr/bin/yes', 'flood'], 2 ** 20)).length).toBeGreaterThanOrEqual(2 ** 20);
      const limits = { ...ROOM, outputBytes: 65_536 };
      const { result, chunks } = await lab.watch(cage, ['yes', 'flood'], { limits });
      expect(result.stoppedBy).toBe('output');
      expect(result.stdout.length).toBe(65_536);
      expect(chunks.map((chunk) => chunk.text).join('').length).toBe(65_536);
      const both = await lab.run(cage, ['/bin/sh', '-c', 'yes out & yes err >&2'], { limits });
      expect(both.stoppedBy).toBe('output');
      expect(both.stdout.length + both.stderr.length).toBe(65_536);
    });

    it('terminal sequences reach a watcher as text', async () => {
      const raw = await freeOutput(['/bin/sh', '-c', TITLE], 4096);
      expect(raw.includes('\u001b]0;owned\u0007')).toBe(true);
      const { result, chunks } = await lab.watch(cage, ['/bin/sh', '-c', TITLE]);
      expect(result.exitCode).toBe(0);
      expect(chunks.map((chunk) => chunk.text).join('')).toBe('a␛]0;owned␇b␍C⟨U+009B⟩⟨U+202E⟩\uFFFDd\n');
    });

    it('there is no terminal to write to or push input into', async () => {
      expect((await lab.caged(cage, ['push-terminal'])).text).toMatch(/^push-terminal: held: /);
      const result = await lab.run(cage, ['/bin/sh', '-c', 'echo x >/dev/tty']);
      expect(result.exitCode).not.toBe(0);
    });

    it('a file stops at its largest size and no core is dumped', async () => {
      const result = await lab.run(cage, ['/bin/sh', '-c', 'ulimit -c; ulimit -f; ulimit -n']);
      expect(result.stdout).toBe('0\n8388608\n4096\n');
    });
  });
}

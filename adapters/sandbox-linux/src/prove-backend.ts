import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CommandResult, CommandSpec } from '@carapulse/tools';

type Run = (command: CommandSpec) => Promise<CommandResult>;

/**
 * Runs the launcher's own attempts inside a backend. Null when the backend contained all of them and let through
 * what it must; otherwise why it cannot be relied on.
 */
export async function proveBackend(run: Run, launcher: string, tempDir: string): Promise<string | null> {
  const dir = await mkdtemp(join(tempDir, 'carapulse-proof-'));
  try {
    await chmod(dir, 0o755);
    const inside = join(dir, 'inside');
    const secret = join(dir, 'secret');
    const allowed = join(inside, 'allowed');
    await mkdir(inside);
    await writeFile(secret, randomBytes(16).toString('hex'), { mode: 0o644 });
    await writeFile(allowed, 'allowed', { mode: 0o644 });
    const attempts = [
      ['read-file', secret],
      ['write-file', allowed],
      ['list-directory', dir],
      ['change-mode', secret],
      ['signal', String(process.pid), '0'],
      ['trace', String(process.pid)],
      ['clone-user-ns'],
      ['mount'],
      ['netlink'],
      ['udp', '127.0.0.1:9'],
      ['io-uring'],
      ['privileges'],
    ];
    const argv = ['attempt', 'read-file', allowed, ...attempts.flatMap((attempt) => ['--', ...attempt])];
    const result = await run({
      argv: [launcher, ...argv],
      cwd: inside,
      env: {},
      mounts: [
        { path: inside, mode: 'ro' },
        { path: launcher, mode: 'ro' },
      ],
      egress: [],
      limits: { wallMs: 10_000, memoryBytes: 512 * 1024 * 1024, pids: 64, outputBytes: 65_536 },
    });
    return judge(result, attempts.length);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function judge(result: CommandResult, attempts: number): string | null {
  const lines = result.stdout.trim().split('\n');
  const [permitted, ...tried] = lines;
  if (permitted !== 'read-file: escaped') {
    return `a program in it cannot read what it is given: ${(permitted ?? '') || result.stderr.trim()}`;
  }
  const escaped = tried.filter((line) => !/^[a-z-]+: held: /.test(line));
  if (escaped.length > 0) return `it does not contain: ${escaped.join('; ')}`;
  if (tried.length !== attempts) return `its proof ended early (${tried.length} of ${attempts} attempts)`;
  return null;
}

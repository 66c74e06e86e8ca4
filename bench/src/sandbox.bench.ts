import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LinuxSandbox, type SandboxOptions } from '@carapulse/sandbox-linux';
import { compared, median, type Measurement } from './measurement.ts';

const ROUNDS = 60;
const WARM_UP = 5;
/** MB that the caller holds, as `carapulse up` does: a fork copies the page tables of its process. */
const HELD = 400;
const VARIANTS: ReadonlyArray<{ name: string; options: Partial<SandboxOptions>; aim: string }> = [
  { name: 'bubblewrap', options: { backends: ['bubblewrap'] }, aim: '≤ 12 ms more' },
  { name: 'launcher, namespaces', options: { backends: ['launcher'] }, aim: '≤ 12 ms more' },
  { name: 'launcher', options: { backends: ['launcher'], namespaces: false }, aim: '≤ 10 ms more' },
];

function spawnPlain(program: string, argument: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const child = spawn(program, [argument], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.resume();
  child.stderr.resume();
  child.once('error', reject);
  child.once('close', () => resolve());
  return promise;
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await act();
  return performance.now() - started;
}

/** One `git --version`: in each backend that works here, against a plain spawn, turn by turn. Medians. */
async function run(): Promise<readonly Measurement[]> {
  const dir = mkdtempSync(join(tmpdir(), 'bench-sandbox-'));
  const { signal } = new AbortController();
  const results: Measurement[] = [];
  try {
    const held: Buffer[] = [];
    const small = VARIANTS.map((variant) => ({ ...variant, mb: 0 }));
    const large = VARIANTS.map((variant) => ({ ...variant, aim: '', mb: HELD }));
    for (const { name, options, aim, mb } of [...small, ...large]) {
      while (held.length < mb) held.push(Buffer.alloc(2 ** 20, 1));
      const sandbox = await LinuxSandbox.open(
        { cacheDir: join(dir, 'cache'), tempDir: dir, ...options },
        signal,
      );
      if (sandbox.status().backend === null) continue;
      const once = (): Promise<unknown> =>
        sandbox.run(
          {
            argv: ['git', '--version'],
            cwd: '/usr/share',
            env: {},
            mounts: [{ path: '/usr/share', mode: 'ro' }],
            egress: [],
            limits: { wallMs: 10_000, memoryBytes: 2 ** 28, pids: 64, outputBytes: 65_536 },
          },
          { signal },
        );
      const [ours, plain]: [number[], number[]] = [[], []];
      for (let round = 0; round < ROUNDS + WARM_UP; round += 1) {
        const pair = [await timed(once), await timed(() => spawnPlain('git', '--version'))] as const;
        if (round < WARM_UP) continue;
        ours.push(pair[0]);
        plain.push(pair[1]);
      }
      await sandbox.close();
      const from = held.length === 0 ? '' : ` from a process that holds ${held.length} MB`;
      results.push(compared(`exec in ${name}${from}, p50`, median(ours), median(plain), 'ms', aim));
    }
    return results;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

export const bench = { name: 'sandbox', peer: 'plain spawn', run };

import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LinuxSandbox } from '@carapulse/sandbox-linux';
import { createToolRegistry, TOOLS, type CommandSpec, type ToolRuntime } from '@carapulse/tools';
import { growHistory } from './git-history.ts';
import { median, type Measurement } from './measurement.ts';

const HISTORY = { commits: 20_000, bytes: 15_000 };
const CALLS = 5;
const LIMITS = { wallMs: 600_000, memoryBytes: 2 ** 31, pids: 128, outputBytes: 4_000_000 };

interface Cost {
  readonly ms: number;
  /** What git wrote for the call: what travelled, and an index. */
  readonly megabytes: number;
  readonly commands: number;
}

type Call = (action: string, input: object, cache: string) => Promise<Cost>;

/** Runs actions of the git tool as the router does, counting what they cost. */
function toolOn(url: string, home: string, sandbox: LinuxSandbox): Call {
  const repository = { url, default_branch: 'main', branches: ['main'] };
  const registry = createToolRegistry(TOOLS, { git: { repositories: { big: repository } } });
  const { signal } = new AbortController();
  return async (action, input, cache) => {
    const found = registry.find('git', action);
    const scratch = mkdtempSync(join(home, 'scratch-'));
    for (const name of found.scratch) {
      mkdirSync(join(scratch, name));
      handOver(join(scratch, name), sandbox);
    }
    handOver(scratch, sandbox);
    let commands = 0;
    const runtime: ToolRuntime<unknown> = {
      settings: found.settings,
      scratch,
      cache,
      documents: {
        replaceScalar: () => ({ kind: 'refused', reason: 'unreadable', detail: 'no editor here' }),
      },
      idempotencyKey: 'bench',
      signal,
      exec: async ({ argv, cwd, env = {}, files = [], mounts, egress, stdin = '' }) => {
        const spec: CommandSpec = { argv, cwd, env, files, mounts, egress, stdin, limits: LIMITS };
        const result = await sandbox.run(spec, { signal });
        // One whose mount is refused never starts.
        commands += 1;
        return result;
      },
      http: () => Promise.reject(new Error('git speaks no HTTP')),
    };
    const started = performance.now();
    await found.action.transports[0]?.run(found.action.input.parse({ repository: 'big', ...input }), runtime);
    const ms = performance.now() - started;
    const megabytes = sizeOf(scratch) / 1e6;
    rmSync(scratch, { recursive: true });
    return { ms, megabytes, commands };
  };
}

function handOver(directory: string, sandbox: LinuxSandbox): void {
  if (process.getuid?.() === 0) chownSync(directory, sandbox.runAs.uid, sandbox.runAs.gid);
}

function sizeOf(directory: string): number {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => statSync(join(directory, name)))
    .reduce((sum, found) => sum + (found.isFile() ? found.size : 0), 0);
}

async function run(): Promise<readonly Measurement[]> {
  const home = mkdtempSync(join(tmpdir(), 'bench-git-'));
  chmodSync(home, 0o711);
  const { signal } = new AbortController();
  const sandbox = await LinuxSandbox.open({ cacheDir: join(home, 'sandbox'), tempDir: home }, signal);
  try {
    const origin = join(home, 'origin.git');
    execFileSync('git', ['init', '--quiet', '--bare', '--initial-branch=main', origin]);
    await growHistory(origin, HISTORY);
    const suspect = execFileSync('git', ['--git-dir', origin, 'rev-parse', 'main~3'], {
      encoding: 'utf8',
    }).trim();
    const cache = join(home, 'cache');
    mkdirSync(cache);
    handOver(cache, sandbox);
    const call = toolOn(origin, home, sandbox);
    const questions: ReadonlyArray<readonly [string, object]> = [
      ['log', { limit: 50 }],
      ['show', { revision: suspect }],
      ['revert_preview', { commit: suspect, date: '2026-01-10T12:00:00.000Z' }],
    ];
    const rows: Measurement[] = [];
    const first = await call('log', { limit: 50 }, cache);
    for (const [action, input] of questions) {
      const [kept, whole]: [Cost[], Cost[]] = [[], []];
      for (let n = 0; n < CALLS; n += 1) {
        kept.push(await call(action, input, cache));
        // A cache that isn't there: everything travels, as at a first call.
        if (n < 2) whole.push(await call(action, input, join(home, 'none')));
      }
      rows.push(...compare(`${action}, nothing new`, kept, whole));
    }
    await growHistory(origin, { ...HISTORY, commits: 5 }, HISTORY.commits);
    const fresh = await call('log', { limit: 50 }, cache);
    const whole = await call('log', { limit: 50 }, join(home, 'none'));
    rows.push(...compare('log, 5 new commits', [fresh], [whole]));
    rows.push(...compare('log, the first call of all', [first], [whole]).slice(0, 1));
    return rows;
  } finally {
    await sandbox.close();
    rmSync(home, { recursive: true, force: true });
  }
}

function compare(metric: string, kept: readonly Cost[], whole: readonly Cost[]): readonly Measurement[] {
  const row = (what: string, unit: string, of: (cost: Cost) => number, aim: string): Measurement => {
    const [ours, peer] = [median(kept.map(of)), median(whole.map(of))];
    return { metric: `${metric}: ${what}`, ours, peer, ratio: ours / peer, unit, aim };
  };
  const steady = metric.endsWith('nothing new');
  return [
    row('time', 'ms', (cost) => cost.ms, steady ? '≤ 0.1×' : ''),
    row('written', 'MB', (cost) => cost.megabytes, steady ? '≤ 0.01×' : ''),
    row('commands', '', (cost) => cost.commands, ''),
  ];
}

/** A repository of 20,000 commits and 300 MB, asked as an investigation asks. */
export const bench = { name: 'git, objects kept', peer: 'the same without a cache', rounds: 1, run };

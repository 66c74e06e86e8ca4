import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CommandResult, CommandSpec, OutputChunk, Sandbox } from '@carapulse/tools';
import { ARTEFACTS_DIR, LauncherArtefact } from '../launcher-artefact.ts';
import { LinuxSandbox, type SandboxOptions } from '../open-sandbox.ts';

const ORDINARY = 1500;

/** One backend under test; `missing` tells why this machine has it not. */
export interface Cage {
  readonly name: string;
  readonly sandbox: Sandbox;
  readonly missing: string | null;
}

export interface Attempted {
  readonly escaped: boolean;
  readonly text: string;
  readonly result: CommandResult | null;
}

/** Opens a lab for a suite. */
export type OpenLab = (options?: Partial<SandboxOptions>) => Promise<Lab>;

const VARIANTS: ReadonlyArray<{ name: string; options: Partial<SandboxOptions>; namespaces: boolean }> = [
  { name: 'bubblewrap', options: { backends: ['bubblewrap'] }, namespaces: false },
  { name: 'launcher with namespaces', options: { backends: ['launcher'] }, namespaces: true },
  {
    name: 'launcher without namespaces',
    options: { backends: ['launcher'], namespaces: false },
    namespaces: false,
  },
  {
    name: 'launcher without namespaces on Landlock 4',
    options: { backends: ['launcher'], namespaces: false, landlockAbi: 4 },
    namespaces: false,
  },
  {
    name: 'launcher without namespaces on Landlock 2',
    options: { backends: ['launcher'], namespaces: false, landlockAbi: 2 },
    namespaces: false,
  },
];

/**
 * What the escape suite runs in: an ordinary user's process (root gives its rights up first, for good), a directory
 * the sandbox may write, one it may not see, and every backend.
 */
export class Lab {
  readonly dir: string;
  readonly inside: string;
  readonly outside: string;
  readonly launcher: string;
  readonly cages: readonly Cage[];

  private constructor(dir: string, launcher: string, cages: readonly Cage[]) {
    this.dir = dir;
    this.inside = join(dir, 'inside');
    this.outside = join(dir, 'outside');
    this.launcher = launcher;
    this.cages = cages;
  }

  /** `reach` gives the way by which the cases come to a backend; without it they have the sandbox itself. */
  static async open(
    options: Partial<SandboxOptions> = {},
    reach: (sandbox: LinuxSandbox, dir: string) => Promise<Sandbox> = async (sandbox) => sandbox,
  ): Promise<Lab> {
    const dir = mkdtempSync(join(tmpdir(), 'lab-'));
    chmodSync(dir, 0o755);
    const artefactsDir = join(dir, 'artefacts');
    cpSync(ARTEFACTS_DIR, artefactsDir, { recursive: true, filter: (path) => !path.endsWith('.wasm.br') });
    becomeOrdinary([dir, artefactsDir]);
    mkdirSync(join(dir, 'inside'));
    mkdirSync(join(dir, 'outside'));
    const cacheDir = join(dir, 'cache');
    const launcher = await LauncherArtefact.open(cacheDir, artefactsDir);
    const cages: Cage[] = [];
    for (const variant of VARIANTS) {
      const sandbox = await LinuxSandbox.open(
        { cacheDir, artefactsDir, tempDir: dir, ...variant.options, ...options },
        AbortSignal.timeout(30_000),
      );
      const status = sandbox.status();
      const reason = status.unavailable.map((entry) => entry.reason).join('; ');
      const lacksNamespaces = variant.namespaces && status.detail.includes('without namespaces');
      const missing = lacksNamespaces ? 'user namespaces are restricted' : reason;
      const works = status.backend !== null && !lacksNamespaces;
      cages.push({
        name: variant.name,
        sandbox: await reach(sandbox, dir),
        missing: works ? null : missing,
      });
    }
    return new Lab(dir, launcher.path, cages);
  }

  close(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** A command in the writable directory, with room enough for what is not under test. */
  command(argv: readonly [string, ...string[]], over: Partial<CommandSpec> = {}): CommandSpec {
    return {
      argv,
      cwd: this.inside,
      env: {},
      mounts: [
        { path: this.inside, mode: 'rw' },
        { path: this.launcher, mode: 'ro' },
      ],
      egress: [],
      ...over,
      limits: {
        wallMs: 20_000,
        memoryBytes: 512 * 1024 * 1024,
        pids: 128,
        outputBytes: 1024 * 1024,
        ...over.limits,
      },
    };
  }

  async run(
    cage: Cage,
    argv: readonly [string, ...string[]],
    over: Partial<CommandSpec> = {},
  ): Promise<CommandResult> {
    return await cage.sandbox.run(this.command(argv, over), { signal: AbortSignal.timeout(30_000) });
  }

  async watch(
    cage: Cage,
    argv: readonly [string, ...string[]],
    over: Partial<CommandSpec> = {},
  ): Promise<{ result: CommandResult; chunks: readonly OutputChunk[] }> {
    const chunks: OutputChunk[] = [];
    const result = await cage.sandbox.run(this.command(argv, over), {
      signal: AbortSignal.timeout(30_000),
      onOutput: (chunk) => chunks.push(chunk),
    });
    return { result, chunks };
  }

  /** The attempt as any program of this user would make it. */
  async free(...attempt: readonly string[]): Promise<Attempted> {
    const { promise, resolve } = Promise.withResolvers<string>();
    execFile(this.launcher, ['attempt', ...attempt], { env: {} }, (_error, stdout) => resolve(stdout));
    const text = await promise;
    return { escaped: text.includes(': escaped'), text, result: null };
  }

  /** The same inside a backend. */
  async caged(cage: Cage, attempt: readonly string[], over: Partial<CommandSpec> = {}): Promise<Attempted> {
    const result = await this.run(cage, [this.launcher, 'attempt', ...attempt], over);
    return { escaped: result.stdout.includes(': escaped'), text: result.stdout + result.stderr, result };
  }
}

/** Processes on the machine whose command line carries a token. */
export function processesWith(token: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(token);
      } catch {
        return false;
      }
    });
}

export function newToken(): string {
  return `token-${randomBytes(8).toString('hex')}`;
}

function becomeOrdinary(directories: readonly string[]): void {
  if (process.getuid?.() !== 0) return;
  for (const directory of directories) chownSync(directory, ORDINARY, ORDINARY);
  process.setgroups?.([]);
  process.setgid?.(ORDINARY);
  process.setuid?.(ORDINARY);
}

import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { AppError, toAppError } from '@carapulse/kernel';
import type { CommandResult, CommandSpec, OutputChunk, Sandbox, SandboxStatus } from '@carapulse/tools';
import { findBackend, type BackendName } from './find-backend.ts';
import { confinement, describeBackend, type Backend } from './backend.ts';
import { resolveBySystem, type Resolve } from './egress-destination.ts';
import { EgressProxy } from './egress-proxy.ts';
import { findCgroups, removeStaleGroups } from './find-cgroups.ts';
import { isBeneath, planLaunch } from './launch-plan.ts';
import { LauncherArtefact } from './launcher-artefact.ts';
import { proveBackend } from './prove-backend.ts';
import { supervise } from './supervise.ts';
import { DEVICES, findSystemPaths, PROGRAM_DIRS, type SystemPaths } from './system-paths.ts';

export interface SandboxOptions {
  /** Where the launcher is extracted to; made 0700. On a file system that allows execution. */
  readonly cacheDir: string;
  /** Where short-lived directories for proofs and the sockets of egress proxies go. */
  readonly tempDir?: string;
  /** Run commands open, with limits only, when no backend works. */
  readonly allowUnsandboxed?: boolean;
  /** Whom commands run as when this process is root. Ignored otherwise. Never 0. */
  readonly runAs?: { readonly uid: number; readonly gid: number };
  /** Which backends may be used, strongest first. */
  readonly backends?: readonly BackendName[];
  /** False: the launcher does without user namespaces even where they are allowed. */
  readonly namespaces?: boolean;
  /** Use no later version of Landlock than this, as an older kernel would. */
  readonly landlockAbi?: number;
  readonly programDirs?: readonly string[];
  readonly resolve?: Resolve;
  readonly egress?: Partial<EgressLimits>;
  /** Largest file a command may write, bytes. */
  readonly fileBytes?: number;
  readonly openFiles?: number;
  /** Use cgroups where they can be made; the supervisor's watch enforces the limits in any case. */
  readonly cgroups?: boolean;
  readonly artefactsDir?: string;
}

export interface EgressLimits {
  readonly connectTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxBytes: number;
}

const EGRESS_LIMITS: EgressLimits = { connectTimeoutMs: 10_000, idleTimeoutMs: 120_000, maxBytes: 1024 ** 3 };
const NOBODY = { uid: 65_534, gid: 65_534 };

/**
 * The `Sandbox` port on Linux. Owner: the composition root. Boundary: child processes of the launcher, the launcher's
 * file, and one directory a run in `tempDir`.
 *  1. A backend is in force only after the launcher's own attempts to get out failed in it.
 *  2. With none in force nothing runs, unless `allowUnsandboxed`; then the status says so.
 *  3. `run` settles only when no process of the run is left.
 *  4. Root never runs a command: it runs as `runAs`.
 */
export class LinuxSandbox implements Sandbox {
  readonly #options: SandboxOptions;
  readonly #launcher: LauncherArtefact;
  readonly #system: SystemPaths = findSystemPaths();
  readonly #cgroups: readonly string[];
  readonly #ownedDir: string | null;
  #backend: Backend | null = null;
  #status: SandboxStatus = { backend: null, detail: 'not probed yet', unavailable: [] };

  private constructor(options: SandboxOptions, launcher: LauncherArtefact, ownedDir: string | null) {
    this.#options = options;
    this.#launcher = launcher;
    this.#ownedDir = ownedDir;
    this.#cgroups = options.cgroups === false ? [] : findCgroups();
  }

  /**
   * Extracts the launcher, tries the backends in order and settles on the first that contains.
   * @throws AppError `sandbox_unavailable` when the launcher cannot be extracted; a machine where no backend works
   * is told by `status()` and refused by `run()`.
   */
  static async open(options: SandboxOptions, signal: AbortSignal): Promise<LinuxSandbox> {
    const runAs = options.runAs ?? NOBODY;
    if (runAs.uid === 0 || runAs.gid === 0) {
      throw new AppError('invalid_input', 'Sandboxed commands cannot run as root; set another uid and gid.');
    }
    const root = process.getuid?.() === 0;
    const reachable = !root || (await isTraversable(options.cacheDir));
    const ownedDir = reachable ? null : await mkdtemp(join(tmpdir(), 'carapulse-launcher-'));
    const launcher = await LauncherArtefact.open(ownedDir ?? options.cacheDir, options.artefactsDir, root);
    const sandbox = new LinuxSandbox(options, launcher, ownedDir);
    removeStaleGroups(sandbox.#cgroups);
    await sandbox.#choose(signal);
    return sandbox;
  }

  status(): SandboxStatus {
    return this.#status;
  }

  /** The uid and gid commands run with; writable mounts must be theirs. */
  get runAs(): { readonly uid: number; readonly gid: number } {
    if (process.getuid?.() === 0) return this.#options.runAs ?? NOBODY;
    return { uid: process.getuid?.() ?? -1, gid: process.getgid?.() ?? -1 };
  }

  async run(
    command: CommandSpec,
    options: { readonly signal: AbortSignal; readonly onOutput?: (chunk: OutputChunk) => void },
  ): Promise<CommandResult> {
    if (this.#backend === null) {
      const reasons = this.#status.unavailable.map(
        (entry) => `${entry.backend}: ${entry.reason} (${entry.fix})`,
      );
      throw new AppError('sandbox_unavailable', `No sandbox works on this machine. ${reasons.join('; ')}`);
    }
    return await this.#runWith(this.#backend, command, options);
  }

  /** Removes what it extracted outside the cache directory. */
  async close(): Promise<void> {
    if (this.#ownedDir !== null) await rm(this.#ownedDir, { recursive: true, force: true });
  }

  async #choose(signal: AbortSignal): Promise<void> {
    const unavailable: Array<{ backend: string; reason: string; fix: string }> = [];
    for (const name of this.#options.backends ?? ['gvisor', 'bubblewrap', 'launcher']) {
      const tried = await findBackend(
        name,
        this.#options.programDirs ?? PROGRAM_DIRS,
        this.#options.namespaces !== false,
      );
      let reason = tried.reason;
      for (const backend of tried.candidates) {
        signal.throwIfAborted();
        const failure = await this.#prove(backend, signal);
        if (failure === null) {
          this.#settle(backend, unavailable);
          return;
        }
        reason = failure;
      }
      unavailable.push({ backend: name, reason, fix: tried.fix });
    }
    if (this.#options.allowUnsandboxed === true) this.#settle({ kind: 'none' }, unavailable);
    else this.#status = { backend: null, detail: 'No backend works; commands are refused.', unavailable };
  }

  #settle(backend: Backend, unavailable: SandboxStatus['unavailable']): void {
    this.#backend = backend;
    const limits = this.#cgroups.length > 0 ? 'limits by cgroup and watch' : 'limits by watch';
    this.#status = { backend: backend.kind, detail: `${describeBackend(backend)}; ${limits}`, unavailable };
  }

  async #prove(backend: Backend, signal: AbortSignal): Promise<string | null> {
    try {
      const run = (command: CommandSpec): Promise<CommandResult> =>
        this.#runWith(backend, command, { signal });
      const proofDir = process.getuid?.() === 0 ? tmpdir() : (this.#options.tempDir ?? tmpdir());
      return await proveBackend(run, this.#launcher.path, proofDir);
    } catch (error) {
      signal.throwIfAborted();
      return toAppError(error).message;
    }
  }

  async #runWith(
    backend: Backend,
    command: CommandSpec,
    options: { readonly signal: AbortSignal; readonly onOutput?: (chunk: OutputChunk) => void },
  ): Promise<CommandResult> {
    if (options.signal.aborted) {
      return { exitCode: null, stdout: '', stderr: '', durationMs: 0, stoppedBy: 'cancelled' };
    }
    const plan = await planLaunch(command, this.#options.programDirs);
    if (plan.readWrite.some((path) => isBeneath(this.#launcher.path, path))) {
      throw new AppError(
        'invalid_input',
        'A writable mount holds the sandbox launcher; mount a narrower directory.',
      );
    }
    await this.#launcher.verify();
    const proxyDir = command.egress.length === 0 ? null : await mkdtemp(join(this.#socketBase(), 'cpx-'));
    try {
      const egressSocket = proxyDir === null ? '' : join(proxyDir, 's');
      const proxy = proxyDir === null ? null : await this.#listen(egressSocket, command);
      try {
        const root = process.getuid?.() === 0;
        return await supervise(
          {
            program: plan.program,
            argv: plan.argv,
            cwd: plan.cwd,
            env: plan.env,
            files: command.files ?? [],
            readOnly: [...this.#system.real, ...plan.readOnly],
            readWrite: plan.readWrite,
            devices: DEVICES,
            identities: plan.identities,
            ...confinement(backend, this.#launcher.path, plan, this.#system),
            egressSocket: backend.kind === 'none' ? '' : egressSocket,
            landlockAbi: this.#options.landlockAbi ?? 0,
            uid: root ? this.runAs.uid : -1,
            gid: root ? this.runAs.gid : -1,
            wallMs: command.limits.wallMs,
            memoryBytes: command.limits.memoryBytes,
            pids: command.limits.pids,
            fileBytes: this.#options.fileBytes ?? 4 * 1024 ** 3,
            openFiles: this.#options.openFiles ?? 4096,
            cgroups: this.#cgroups,
          },
          {
            launcher: this.#launcher.path,
            outputBytes: command.limits.outputBytes,
            signal: options.signal,
            ...(command.stdin === undefined ? {} : { stdin: command.stdin }),
            ...(options.onOutput === undefined ? {} : { onOutput: options.onOutput }),
          },
        );
      } finally {
        await proxy?.close();
      }
    } finally {
      if (proxyDir !== null) await rm(proxyDir, { recursive: true, force: true });
    }
  }

  /** A socket's path has 107 bytes at most. */
  #socketBase(): string {
    const { tempDir } = this.#options;
    return tempDir === undefined || Buffer.byteLength(tempDir) > 90 ? tmpdir() : tempDir;
  }

  #listen(socketPath: string, command: CommandSpec): Promise<EgressProxy> {
    return EgressProxy.listen(socketPath, {
      rules: command.egress,
      resolve: this.#options.resolve ?? resolveBySystem,
      ...EGRESS_LIMITS,
      ...this.#options.egress,
    });
  }
}

/** Whether another uid can reach the directory, which may itself not be there yet. */
async function isTraversable(path: string): Promise<boolean> {
  for (let dir = dirname(path); ; dir = dirname(dir)) {
    const mode = await stat(dir).then(
      (found) => found.mode,
      () => 0,
    );
    if ((mode & 0o001) === 0) return false;
    if (dir === '/') return true;
  }
}

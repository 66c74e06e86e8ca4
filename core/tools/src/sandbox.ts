/** A path made visible inside the sandbox at the same path. Nothing else of the file system can be written. */
export interface SandboxMount {
  readonly path: string;
  readonly mode: 'ro' | 'rw';
  /** `device:inode` of what was judged to be there; a command that would see anything else doesn't start. */
  readonly identity?: string;
}

/** A destination that may be reached; the resolved address is checked as well, see `Sandbox`. */
export interface EgressRule {
  readonly host: string;
  readonly port: number;
  /** Loopback, link-local, private and metadata addresses are refused unless the rule says `private`. */
  readonly addresses: 'public' | 'private';
}

export interface SandboxLimits {
  readonly wallMs: number;
  readonly memoryBytes: number;
  readonly pids: number;
  /** stdout and stderr together; the process tree is killed past it. */
  readonly outputBytes: number;
}

/** Stands, in the text of a `SandboxFile`, for the URL of the run's egress proxy; empty where there is none. */
export const PROXY_MARK = '{{proxy}}';

/** A file that the program finds: made anew in a writable mount, with mode 0600 and the program's own user. */
export interface SandboxFile {
  /** Absolute. */
  readonly path: string;
  readonly text: string;
}

/** One program to run. `argv` is never given to a shell. */
export interface CommandSpec {
  /** argv[0] is a program name, looked up on the sandbox's own fixed PATH, or an absolute path. */
  readonly argv: readonly [string, ...string[]];
  /** A directory inside one of the mounts. */
  readonly cwd: string;
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** What would be seen on a command line: credentials, and what holds the address of the proxy. */
  readonly files?: readonly SandboxFile[];
  readonly mounts: readonly SandboxMount[];
  readonly egress: readonly EgressRule[];
  readonly limits: SandboxLimits;
}

export interface CommandResult {
  /** Null when a signal ended the process. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
  /** What cut the run short, or null. */
  readonly stoppedBy: 'timeout' | 'memory' | 'pids' | 'output' | 'cancelled' | null;
}

export interface OutputChunk {
  readonly stream: 'stdout' | 'stderr';
  /** UTF-8 text with terminal control sequences made harmless. */
  readonly text: string;
}

export interface SandboxStatus {
  /** The backend in force, or null when none works and commands are refused. */
  readonly backend: 'gvisor' | 'bubblewrap' | 'launcher' | 'none' | null;
  readonly detail: string;
  /** What each backend that was tried lacks, strongest first, with the command that would mend it. */
  readonly unavailable: ReadonlyArray<{
    readonly backend: string;
    readonly reason: string;
    readonly fix: string;
  }>;
}

/**
 * Runs one program with no network but the egress rules, a read-only file system but the rw mounts, no
 * capabilities, no new privileges, seccomp and limits; ends the whole process tree when it stops for any reason.
 * @throws AppError `sandbox_unavailable` when no backend works; it never runs open instead.
 */
export interface Sandbox {
  status(): SandboxStatus;
  run(
    command: CommandSpec,
    options: { readonly signal: AbortSignal; readonly onOutput?: (chunk: OutputChunk) => void },
  ): Promise<CommandResult>;
}

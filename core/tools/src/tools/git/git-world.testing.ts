import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError } from '@carapulse/kernel';
import type { JsonObject, JsonValue } from '@carapulse/kernel';
import { createToolRegistry } from '../../registry.ts';
import type { CommandResult, CommandSpec } from '../../sandbox.ts';
import { openSession } from '../../tool-session.ts';
import type { ToolSession } from '../../tool-session.ts';
import { git } from './index.ts';

const userEnv = {
  PATH: process.env['PATH'],
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Dev',
  GIT_AUTHOR_EMAIL: 'dev@example.test',
  GIT_COMMITTER_NAME: 'Dev',
  GIT_COMMITTER_EMAIL: 'dev@example.test',
};

/** Real git in a temporary directory: somebody's work tree, the origin that the tool sees, and the tool's cache. */
export class GitWorld {
  readonly root = mkdtempSync(join(tmpdir(), 'carapulse git '));
  readonly origin = join(this.root, 'origin.git');
  readonly cache = join(this.root, 'cache: "tools"');
  /** What the tool ran. */
  commands: CommandSpec[] = [];
  /** Called before a command runs: changes the world in between, or gives a result in the command's stead. */
  before: (command: CommandSpec) => CommandResult | void = () => undefined;
  /** Every command of the tool goes through it; lets a test kill the tool. */
  around = (_: CommandSpec, run: () => Promise<CommandResult>): Promise<CommandResult> => run();

  constructor() {
    mkdirSync(this.cache);
    this.user('init', '--quiet', '--initial-branch=main', join(this.root, 'work'));
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  user(...args: string[]): string {
    return this.userWith('', ...args);
  }

  userWith(stdin: string, ...args: string[]): string {
    const options = { cwd: this.root, env: userEnv, encoding: 'utf8', stdio: 'pipe', input: stdin } as const;
    return execFileSync('git', args, options).trim();
  }

  work(...args: string[]): string {
    return this.user('-C', join(this.root, 'work'), ...args);
  }

  commit(subject: string, files: Readonly<Record<string, string | Buffer>>): string {
    for (const [name, text] of Object.entries(files)) {
      const path = join(this.root, 'work', name);
      mkdirSync(join(path, '..'), { recursive: true });
      writeFileSync(path, text);
    }
    this.work('add', '--all');
    this.work('commit', '--quiet', '--message', subject);
    return this.work('rev-parse', 'HEAD');
  }

  /** The repository that tools see: bare, at what `work` has. */
  publish(): string {
    if (!existsSync(this.origin))
      this.user('init', '--quiet', '--bare', '--initial-branch=main', this.origin);
    this.work('push', '--quiet', '--force', this.origin, '--all');
    return this.origin;
  }

  tip(branch = 'main'): string {
    return this.user('--git-dir', this.origin, 'rev-parse', branch);
  }

  private readonly run = (command: CommandSpec): Promise<CommandResult> => {
    const [program, ...args] = command.argv;
    // As the sandbox does.
    const absent = command.mounts.find(({ path }) => path.startsWith(this.cache) && !existsSync(path));
    if (absent !== undefined) {
      return Promise.reject(new AppError('not_found', `The mount ${absent.path} is not there.`));
    }
    this.commands.push(command);
    const instead = this.before(command);
    if (instead !== undefined) return Promise.resolve(instead);
    return new Promise((resolve) => {
      const env = { ...command.env, PATH: process.env['PATH'] };
      const child = execFile(
        program,
        args,
        { cwd: command.cwd, env, maxBuffer: 1e8 },
        (error, stdout, stderr) => {
          const code = error === null ? 0 : error.code;
          resolve({
            exitCode: typeof code === 'number' ? code : null,
            stdout,
            stderr,
            durationMs: 1,
            stoppedBy: null,
          });
        },
      );
      child.stdin?.on('error', () => undefined);
      child.stdin?.end(command.stdin ?? '');
    });
  };

  /** Runs a read of the repository `shop`. */
  call(action: string, input: JsonObject = {}): Promise<JsonValue> {
    return this.session(action, { repository: 'shop', ...input }).run();
  }

  /** What commands some work took, in short. */
  async ran(work: () => Promise<unknown>): Promise<string[]> {
    this.commands = [];
    await work();
    return this.commands.map(nameOf);
  }

  session(action: string, input: JsonObject): ToolSession {
    const repository = {
      url: this.origin,
      default_branch: 'main',
      branches: ['main', 'release', 'release/1'],
    };
    const registered = createToolRegistry([git], { git: { repositories: { shop: repository } } }).find(
      'git',
      action,
    );
    return openSession(
      {
        sandbox: {
          status: () => ({ backend: null, detail: '', unavailable: [] }),
          run: (command) => this.around(command, () => this.run(command)),
        },
        egressHttp: { request: () => Promise.reject(new Error('git speaks no HTTP')) },
        programs: { has: () => true },
        redactor: {
          json: (value) => value,
          text: (text) => text,
          stream: () => ({ push: (chunk) => chunk, end: () => '' }),
        },
        clock: { nowMs: () => 0, monotonicMs: () => 0 },
        commandLimits: { memoryBytes: 1e9, pids: 50 },
        workspace: {
          open: () => {
            const scratch = mkdtempSync(join(this.root, 'scratch '));
            const close = (): Promise<void> =>
              Promise.resolve(rmSync(scratch, { recursive: true, force: true }));
            return Promise.resolve({ scratch, cache: this.cache, close });
          },
        },
      },
      {
        registered,
        input: registered.action.input.parse(input),
        idempotencyKey: 'k',
        timeoutMs: 60_000,
        signal: new AbortController().signal,
      },
    );
  }
}

/** What was run, in short: git's own subcommand, or the program. */
export function nameOf({ argv }: CommandSpec): string {
  if (argv[0] !== 'git') return argv[0];
  return argv[argv.indexOf('--git-dir') + 2] ?? '';
}

/** How some work failed, or `done`. */
export async function reasonOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: { code: string; details: JsonObject }) => `${error.code} ${error.details['reason'] as string}`,
  );
}

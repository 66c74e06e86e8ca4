import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError } from '@carapulse/kernel';
import type { JsonObject, JsonValue } from '@carapulse/kernel';
import type { CommandResult, CommandSpec } from '../../sandbox.ts';
import { sessionOf } from '../../session.testing.ts';
import type { ToolSession } from '../../tool-session.ts';
import { developerEnv, lineEditor, runProgram, workspaceBelow } from './git.testing.ts';
import { git } from './index.ts';
import type { RevertPreview } from './index.ts';

export const DATE = '2026-01-10T12:00:00.000Z';

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
    const options = {
      cwd: this.root,
      env: developerEnv,
      encoding: 'utf8',
      stdio: 'pipe',
      input: stdin,
      maxBuffer: 1e8,
    } as const;
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
    // As the sandbox does.
    const absent = command.mounts.find(({ path }) => path.startsWith(this.cache) && !existsSync(path));
    if (absent !== undefined) {
      return Promise.reject(new AppError('not_found', `The mount ${absent.path} is not there.`));
    }
    this.commands.push(command);
    const instead = this.before(command);
    if (instead !== undefined) return Promise.resolve(instead);
    return runProgram(command);
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
    return sessionOf(git, { repositories: { shop: repository } }, action, input, {
      sandbox: {
        status: () => ({ backend: null, detail: '', unavailable: [] }),
        run: (command) => this.around(command, () => this.run(command)),
      },
      programs: { has: () => true },
      documents: lineEditor,
      workspace: workspaceBelow(this.root, this.cache),
    });
  }

  async previewed(commit: string): Promise<RevertPreview> {
    return (await this.call('revert_preview', { commit, date: DATE })) as unknown as RevertPreview;
  }

  async preview(commit: string): Promise<Extract<RevertPreview, { kind: 'revertible' }>> {
    const result = await this.previewed(commit);
    if (result.kind !== 'revertible') throw new Error(`refused: ${result.reason} ${result.detail}`);
    return result;
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

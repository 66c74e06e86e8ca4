import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '@carapulse/kernel';
import { afterEach, beforeEach } from 'vitest';
import type { CommandResult, CommandSpec } from '../../sandbox.ts';
import { sessionOf } from '../../session.testing.ts';
import type { ToolSession } from '../../tool-session.ts';
import { developerEnv, runProgram, workspaceBelow } from './git.testing.ts';
import { git } from './index.ts';
import type { RevertPreview } from './index.ts';

export const DATE = '2026-01-10T12:00:00.000Z';
/** For each test a repository of its own in a directory of its own, and the tool's sessions on it without a sandbox. */
export class GitLab {
  root = '';
  commands: CommandSpec[] = [];
  /** Called before a command runs; lets a test change the world in between. */
  before: (command: CommandSpec) => void = () => undefined;
  /** Answers in the place of a command that does not run. */
  instead: (command: CommandSpec) => CommandResult | null = () => null;

  constructor() {
    beforeEach(() => {
      this.root = mkdtempSync(join(tmpdir(), 'carapulse git '));
      this.commands = [];
      this.before = () => undefined;
      this.instead = () => null;
      this.user('init', '--quiet', '--initial-branch=main', join(this.root, 'work'));
    });
    afterEach(() => rmSync(this.root, { recursive: true, force: true }));
  }

  user(...args: string[]): string {
    return execFileSync('git', args, {
      cwd: this.root,
      env: developerEnv,
      encoding: 'utf8',
      stdio: 'pipe',
      maxBuffer: 1e8,
    }).trim();
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
    const origin = join(this.root, 'origin.git');
    this.user('init', '--quiet', '--bare', '--initial-branch=main', origin);
    this.work('push', '--quiet', '--force', origin, '--all');
    return origin;
  }

  tip(branch = 'main'): string {
    return this.user('--git-dir', join(this.root, 'origin.git'), 'rev-parse', branch);
  }

  session(action: string, input: JsonObject): ToolSession {
    const repository = {
      url: join(this.root, 'origin.git'),
      default_branch: 'main',
      branches: ['main', 'release'],
    };
    return sessionOf(git, { repositories: { shop: repository } }, action, input, {
      sandbox: {
        status: () => ({ backend: null, detail: '', unavailable: [] }),
        run: (command) => this.run(command),
      },
      programs: { has: () => true },
      workspace: workspaceBelow(this.root),
    });
  }

  async previewed(commitId: string): Promise<RevertPreview> {
    const input = { repository: 'shop', commit: commitId, date: DATE };
    return (await this.session('revert_preview', input).run()) as unknown as RevertPreview;
  }

  async preview(commitId: string): Promise<Extract<RevertPreview, { kind: 'revertible' }>> {
    const result = await this.previewed(commitId);
    if (result.kind !== 'revertible') throw new Error(`refused: ${result.reason} ${result.detail}`);
    return result;
  }

  private run(command: CommandSpec): Promise<CommandResult> {
    this.commands.push(command);
    this.before(command);
    const answer = this.instead(command);
    return answer === null ? runProgram(command) : Promise.resolve(answer);
  }
}

export async function reasonOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'done',
    (error: { code: string; details: JsonObject }) => `${error.code} ${error.details['reason'] as string}`,
  );
}

import { AppError } from '@carapulse/kernel';
import type { CommandResult } from '../../sandbox.ts';
import type { ToolCommand, ToolRuntime } from '../../tool-definition.ts';
import { isLocal } from './git-settings.ts';
import type { GitSettings, Repository } from './git-settings.ts';

export type GitRuntime = ToolRuntime<GitSettings>;

export interface GitCall {
  readonly args: readonly [string, ...string[]];
  /** What the command may do with the repository itself, beyond the private mirror. */
  readonly access?: 'read' | 'write';
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const CONFIG = [
  'core.hooksPath=/dev/null',
  'core.attributesFile=/dev/null',
  'core.fsmonitor=false',
  'core.quotePath=false',
  'credential.helper=',
  'gc.auto=0',
  'maintenance.auto=false',
  'fetch.writeCommitGraph=false',
  'submodule.recurse=false',
  'protocol.allow=never',
  'protocol.file.allow=always',
  'protocol.https.allow=always',
];

/** The argv of one git command: nothing of the user's configuration, hooks, helpers or protocols takes part. */
export function gitCommand(
  repository: Repository,
  runtime: Pick<GitRuntime, 'scratch'>,
  call: GitCall,
): ToolCommand {
  const { scratch } = runtime;
  const local = isLocal(repository.url);
  return {
    argv: [
      'git',
      '--no-pager',
      '--literal-pathspecs',
      ...CONFIG.flatMap((item) => ['-c', item]),
      '--git-dir',
      mirrorOf(scratch),
      ...call.args,
    ],
    cwd: scratch,
    env: {
      HOME: scratch,
      LC_ALL: 'C',
      TZ: 'UTC',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: globalConfigOf(scratch),
      GIT_TERMINAL_PROMPT: '0',
      GIT_ASKPASS: '/bin/false',
      GIT_OPTIONAL_LOCKS: '0',
      GIT_NO_REPLACE_OBJECTS: '1',
      ...call.env,
    },
    ...(call.stdin === undefined ? {} : { stdin: call.stdin }),
    mounts: [
      { path: scratch, mode: 'rw' },
      ...(local && call.access !== undefined
        ? [{ path: repository.url, mode: call.access === 'write' ? ('rw' as const) : ('ro' as const) }]
        : []),
    ],
    egress: local || call.access === undefined ? [] : [egressOf(repository)],
    shown: call.access === 'write',
  };
}

/** Runs git and answers with its result whatever the exit status. */
export function runGit(repository: Repository, runtime: GitRuntime, call: GitCall): Promise<CommandResult> {
  return runtime.exec(gitCommand(repository, runtime, call));
}

/** Standard output of a command that must succeed. @throws AppError `tool_failed` with an excerpt of its errors. */
export async function gitOutput(repository: Repository, runtime: GitRuntime, call: GitCall): Promise<string> {
  const result = await runGit(repository, runtime, call);
  if (result.exitCode === 0) return result.stdout;
  throw gitFailure(repository, call, result);
}

export function gitFailure(repository: Repository, call: GitCall, result: CommandResult): AppError {
  return new AppError(
    'tool_failed',
    `git ${call.args[0]} on ${repository.name} ended with ${result.exitCode ?? 'a signal'}: ${excerpt(result.stderr)}`,
    { details: { class: 'permanent', exit_code: result.exitCode } },
  );
}

export function excerpt(text: string): string {
  const trimmed = text.trim();
  return trimmed.length <= 500 ? trimmed || 'it said nothing' : `${trimmed.slice(0, 500)}…`;
}

export function mirrorOf(scratch: string): string {
  return `${scratch}/mirror.git`;
}

export function globalConfigOf(scratch: string): string {
  return `${scratch}/gitconfig`;
}

function egressOf(repository: Repository): ToolCommand['egress'][number] {
  const url = new URL(repository.url);
  const port = url.port === '' ? 443 : Number(url.port);
  return { host: url.hostname, port, addresses: repository.egress };
}

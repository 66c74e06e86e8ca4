import { AppError } from '@carapulse/kernel';
import type { CommandResult, SandboxFile } from '../../sandbox.ts';
import type { ToolCommand, ToolRuntime } from '../../tool-definition.ts';
import { isLocal } from './git-settings.ts';
import type { GitSettings, Repository } from './git-settings.ts';

export type GitRuntime = ToolRuntime<GitSettings>;

/** Where the git commands of a call work. */
export interface GitPlace {
  readonly scratch: string;
  /** The private mirror, below `scratch`. */
  readonly mirror: string;
  /** A repository whose objects the mirror borrows and no command here can write; null: the mirror is whole. */
  readonly keep: string | null;
}

export interface GitCall {
  readonly args: readonly [string, ...string[]];
  /** What the command may do with the repository itself, beyond the private mirror. */
  readonly access?: 'read' | 'write';
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly files?: readonly SandboxFile[];
}

/** Time of a read: the first one of a large repository fetches all of it, and no later one would otherwise. */
export const READ_MS = 300_000;

/** Options before every git command: nothing of hooks, helpers, extra protocols or upkeep in the background. */
const CONFIG = [
  'core.hooksPath=/dev/null',
  'core.attributesFile=/dev/null',
  'core.fsmonitor=false',
  'core.quotePath=false',
  'credential.helper=',
  'gc.auto=0',
  'maintenance.auto=false',
  'fetch.writeCommitGraph=false',
  // Always one pack, complete or absent: no loose objects of which a part may be there.
  'fetch.unpackLimit=1',
  // An origin that says nothing for a minute is gone.
  'http.lowSpeedLimit=1',
  'http.lowSpeedTime=60',
  'submodule.recurse=false',
  'protocol.allow=never',
  'protocol.file.allow=always',
  'protocol.https.allow=always',
];

/** The argv of one git command: nothing of the user's configuration, hooks, helpers or protocols takes part. */
export function gitCommand(repository: Repository, place: GitPlace, call: GitCall): ToolCommand {
  const { scratch, keep } = place;
  const local = isLocal(repository.url);
  return {
    argv: gitArgv(place.mirror, call.args),
    cwd: scratch,
    env: {
      ...gitEnv(scratch, globalConfigOf(place)),
      // Quoted as git reads it, since a colon would end the path.
      ...(keep === null ? {} : { GIT_ALTERNATE_OBJECT_DIRECTORIES: JSON.stringify(`${keep}/objects`) }),
      ...call.env,
    },
    ...(call.stdin === undefined ? {} : { stdin: call.stdin }),
    ...(call.files === undefined ? {} : { files: call.files }),
    mounts: [
      { path: scratch, mode: 'rw' },
      ...(keep === null ? [] : [{ path: keep, mode: 'ro' as const }]),
      ...(local && call.access !== undefined
        ? [{ path: repository.url, mode: call.access === 'write' ? ('rw' as const) : ('ro' as const) }]
        : []),
    ],
    egress: local || call.access === undefined ? [] : [egressOf(repository)],
    shown: call.access === 'write',
  };
}

export function gitArgv(
  gitDir: string,
  args: GitCall['args'],
  more: readonly string[] = [],
): ToolCommand['argv'] {
  const config = [...CONFIG, ...more].flatMap((item) => ['-c', item]);
  return ['git', '--no-pager', '--literal-pathspecs', ...config, '--git-dir', gitDir, ...args];
}

export function gitEnv(home: string, globalConfig: string): Readonly<Record<string, string>> {
  return {
    HOME: home,
    LC_ALL: 'C',
    TZ: 'UTC',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: globalConfig,
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '/bin/false',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_NO_REPLACE_OBJECTS: '1',
  };
}

/**
 * Runs git and answers with its result whatever the exit status.
 * @throws AppError `tool_failed` when git complains of the kept objects: its answer may be wrong then.
 */
export async function runGit(
  repository: Repository,
  runtime: GitRuntime,
  place: GitPlace,
  call: GitCall,
): Promise<CommandResult> {
  const result = await runtime.exec(gitCommand(repository, place, call));
  const complains = place.keep !== null && result.stderr.includes(place.keep);
  // After a push it is the origin that counts.
  if (complains && call.access !== 'write') throw gitFailure(repository, call, result);
  return result;
}

/** Standard output of a command that must succeed. @throws AppError `tool_failed` with an excerpt of its errors. */
export async function gitOutput(
  repository: Repository,
  runtime: GitRuntime,
  place: GitPlace,
  call: GitCall,
): Promise<string> {
  const result = await runGit(repository, runtime, place, call);
  if (result.exitCode === 0) return result.stdout;
  throw gitFailure(repository, call, result);
}

export function gitFailure(
  repository: Repository,
  call: GitCall,
  result: CommandResult,
  reason?: string,
): AppError {
  return new AppError(
    'tool_failed',
    `git ${call.args[0]} on ${repository.name} ended with ${result.exitCode ?? 'a signal'}: ${excerpt(result.stderr)}`,
    {
      details: {
        class: 'permanent',
        exit_code: result.exitCode,
        // Nothing but a push, which gives its reason, touches what is outside the mirror.
        ...(reason === undefined ? { effect: 'none' } : { reason }),
      },
    },
  );
}

export function excerpt(text: string): string {
  const trimmed = text.trim();
  return trimmed.length <= 500 ? trimmed || 'it said nothing' : `${trimmed.slice(0, 500)}…`;
}

/** Says which local repository may be served whoever owns it; the serving end reads nothing else. */
export function globalConfigOf(place: Pick<GitPlace, 'mirror' | 'keep'>): string {
  return `${place.keep ?? place.mirror}/gitconfig`;
}

function egressOf(repository: Repository): ToolCommand['egress'][number] {
  const url = new URL(repository.url);
  const port = url.port === '' ? 443 : Number(url.port);
  return { host: url.hostname, port, addresses: repository.egress };
}

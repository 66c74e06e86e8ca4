import { execFile } from 'node:child_process';
import { devNull } from 'node:os';
import { AppError } from '@carapulse/kernel';

/** Who a commit is by, and when. `atMs` is milliseconds since the epoch; Git keeps whole seconds. */
export interface Signature {
  readonly name: string;
  readonly email: string;
  readonly atMs: number;
}

export interface GitOptions {
  readonly signal: AbortSignal;
  /** Extra environment, e.g. `GIT_INDEX_FILE`. */
  readonly env?: Readonly<Record<string, string>>;
  readonly author?: Signature;
  readonly input?: string;
}

/**
 * Runs git with nothing of the user's configuration, hooks or identity, and returns its standard output.
 * @throws AppError `unavailable` when git is not installed, `cancelled` on abort, `timeout`, `tool_failed` otherwise.
 */
export function git(args: readonly string[], options: GitOptions): Promise<string> {
  const { signal, author, input } = options;
  return new Promise((resolve, reject) => {
    const child = execFile(
      'git',
      [...CLEAN_CONFIG, ...args],
      {
        signal,
        env: { ...cleanEnvironment(), ...signatureEnvironment(author), ...options.env },
        maxBuffer: 16 * 1024 * 1024,
        killSignal: 'SIGKILL',
        timeout: ANSWER_MS,
      },
      (error, stdout, stderr) => {
        if (error === null) return resolve(stdout);
        reject(gitError(error, args, stderr, signal));
      },
    );
    // A git that refuses early closes its input; the exit status tells the story, not this EPIPE.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input ?? '');
  });
}

/** Far more than any command here takes. */
const ANSWER_MS = 60_000;

const CLEAN_CONFIG = [
  ['core.hooksPath', devNull],
  ['commit.gpgSign', 'false'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['core.autocrlf', 'false'],
  ['core.quotePath', 'false'],
  ['protocol.file.allow', 'always'],
].flatMap(([key, value]) => ['-c', `${key}=${value}`]);

function cleanEnvironment(): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
    LC_ALL: 'C',
    TZ: 'UTC',
    GIT_CONFIG_GLOBAL: devNull,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_DEFAULT_HASH: 'sha1',
    GIT_DEFAULT_REF_FORMAT: 'files',
  };
}

function signatureEnvironment(author: Signature | undefined): Record<string, string> {
  if (author === undefined) return {};
  const date = `@${Math.floor(author.atMs / 1000)} +0000`;
  return {
    GIT_AUTHOR_NAME: author.name,
    GIT_AUTHOR_EMAIL: author.email,
    GIT_AUTHOR_DATE: date,
    GIT_COMMITTER_NAME: author.name,
    GIT_COMMITTER_EMAIL: author.email,
    GIT_COMMITTER_DATE: date,
  };
}

function gitError(error: Error, args: readonly string[], stderr: string, signal: AbortSignal): AppError {
  const command = `git ${args.find((arg) => !arg.startsWith('-')) ?? ''}`.trim();
  if (signal.aborted) return new AppError('cancelled', `${command} was stopped`, { cause: error });
  if ('code' in error && error.code === 'ENOENT') {
    return new AppError('unavailable', 'git was not found on PATH; install git 2.34 or newer', {
      cause: error,
    });
  }
  if ('killed' in error && error.killed === true) {
    return new AppError(
      'timeout',
      `${command} did not end within ${ANSWER_MS / 1000} s or said too much; look at \`git --version\``,
      { cause: error },
    );
  }
  const last = stderr.trim().split('\n').at(-1) ?? '';
  return new AppError('tool_failed', `${command} failed: ${last === '' ? error.message : last}`, {
    cause: error,
    details: { stderr: stderr.slice(0, 4000) },
  });
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { AppError } from '@carapulse/kernel';

/** Contents by path; null removes a file. */
export type GitFiles = Readonly<Record<string, string | null>>;

const BRANCH = 'main';

interface GitCall {
  readonly directory: string;
  readonly args: readonly string[];
  readonly input?: string;
}

async function git({ directory, args, input }: GitCall, signal: AbortSignal): Promise<string> {
  const env = { PATH: process.env['PATH'] ?? '', HOME: directory, GIT_CONFIG_NOSYSTEM: '1' };
  const child = spawn('git', args, { cwd: directory, env, signal, stdio: ['pipe', 'pipe', 'pipe'] });
  const exit = once(child, 'exit') as Promise<[number | null]>;
  child.stdin.end(input);
  const [[code], out, errors] = await Promise.all([exit, text(child.stdout), text(child.stderr)]);
  if (code !== 0)
    throw new AppError('unavailable', `git ${args.join(' ')} in ${directory}: ${errors.trim()}`);
  return out.trim();
}

/**
 * Makes `<name>.git` below a directory: bare, with one commit on `main`, and pushes to it allowed.
 * @returns the commit's hash.
 */
export async function createBareRepository(
  parent: string,
  { name, files }: { readonly name: string; readonly files: GitFiles },
  signal: AbortSignal,
): Promise<string> {
  const directory = join(parent, `${name}.git`);
  await mkdir(directory, { recursive: true });
  await git({ directory, args: ['init', '--quiet', '--bare', `--initial-branch=${BRANCH}`] }, signal);
  // The HTTP backend asks for it even where the daemon and SSH don't.
  await git({ directory, args: ['config', 'http.receivepack', 'true'] }, signal);
  return commitTo(parent, { name, files, message: 'Initial commit' }, signal);
}

export interface GitCommit {
  readonly name: string;
  readonly files: GitFiles;
  readonly message: string;
}

/** One commit on top of `main`, without a working copy. @returns its hash. */
export async function commitTo(parent: string, commit: GitCommit, signal: AbortSignal): Promise<string> {
  const directory = join(parent, `${commit.name}.git`);
  const tip = await git(
    { directory, args: ['for-each-ref', '--format=%(objectname)', `refs/heads/${BRANCH}`] },
    signal,
  );
  const when = Math.floor(Date.now() / 1000);
  const input = [
    `commit refs/heads/${BRANCH}`,
    `committer Test Bed <testbed@localhost> ${when} +0000`,
    data(commit.message),
    ...(tip === '' ? [] : [`from ${tip}`]),
    ...Object.entries(commit.files).map(([path, content]) =>
      content === null ? `D ${quoted(path)}` : `M 100644 inline ${quoted(path)}\n${data(content)}`,
    ),
    'done\n',
  ].join('\n');
  await git({ directory, args: ['fast-import', '--quiet', '--done'], input }, signal);
  return git({ directory, args: ['rev-parse', `refs/heads/${BRANCH}`] }, signal);
}

/** git-fast-import(1): the length counts bytes. */
const data = (content: string) => `data ${Buffer.byteLength(content)}\n${content}`;
const quoted = (path: string) => JSON.stringify(path);

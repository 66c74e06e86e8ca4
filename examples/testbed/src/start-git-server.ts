// Owner: whoever started it. Boundary: the bare repositories below one directory, `git daemon` and sshd, a process each,
// and an HTTP server in this one.
// 1. When startGitServer has failed or stop() has resolved, none of them is left.
// 2. All listen on loopback; the daemon takes reads and pushes from anybody there, HTTP and SSH from who has the key.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findOnPath, requireBinary } from './find-binaries.ts';
import { freePorts } from './free-ports.ts';
import { startGitOverHttp, type GitOverHttp } from './git-over-http.ts';
import { planSshd, SSHD_INSTALL, type GitOverSsh } from './git-over-ssh.ts';
import { commitTo, createBareRepository, type GitCommit, type GitFiles } from './git-repositories.ts';
import { startServerProcess, untilReady, type ServerProcess } from './server-process.ts';
import type { ServerOptions } from './start-temporal.ts';

export interface GitServer {
  /** Makes a repository with one commit on `main`; resolves with its hash. */
  readonly createRepository: (name: string, files: GitFiles) => Promise<string>;
  /** A commit on top of `main`; resolves with its hash. */
  readonly commit: (commit: GitCommit) => Promise<string>;
  /** The path of a bare repository. */
  readonly pathOf: (name: string) => string;
  /** `git://`, for anybody on this machine. */
  readonly urlOf: (name: string) => string;
  /** `http://` with the user and the token in it. */
  readonly httpUrlOf: (name: string) => string;
  /** `ssh://`; the client needs `ssh.keyFile` and `ssh.knownHostsFile`. */
  readonly sshUrlOf: (name: string) => string;
  readonly token: string;
  readonly ssh: GitOverSsh;
  readonly pids: Readonly<Record<string, number>>;
  /** Resolves with a description when the first of its programs has ended, asked or not. */
  readonly ended: Promise<string>;
  readonly stop: () => Promise<void>;
}

export const GIT_INSTALL = 'install it with `apt-get install git`';

/**
 * Git over its own protocol, HTTP and SSH.
 * @throws AppError `not_found` when a program is missing, `unavailable` when one doesn't start, `cancelled` on abort.
 */
export async function startGitServer({ directory, signal }: ServerOptions): Promise<GitServer> {
  requireBinary(findOnPath('git'), 'git', GIT_INSTALL);
  const sshdPath = requireBinary(findOnPath('sshd'), 'sshd', SSHD_INSTALL);
  const root = join(directory, 'repositories');
  await mkdir(root, { recursive: true });
  const [daemonPort, sshPort] = (await freePorts(2)) as [number, number];
  const started: ServerProcess[] = [];
  let http: GitOverHttp | undefined;
  const stop = async () => {
    await http?.stop();
    http = undefined;
    for (const server of started.toReversed()) await server.stop();
  };
  try {
    const sshd = await planSshd({ binary: sshdPath, directory, port: sshPort });
    const daemon = await daemonOptions(directory, root, daemonPort);
    for (const [options, port] of [[daemon, daemonPort] as const, [sshd.options, sshPort] as const]) {
      const server = await startServerProcess(options);
      started.push(server);
      await untilReady(server, () => accepts(port), signal);
    }
    const token = randomBytes(24).toString('base64url');
    const { port: httpPort } = (http = await startGitOverHttp({ root, token }));
    const pathOf = (name: string) => join(root, `${name}.git`);
    return {
      createRepository: (name, files) => createBareRepository(root, { name, files }, signal),
      commit: (commit) => commitTo(root, commit, signal),
      pathOf,
      urlOf: (name) => `git://127.0.0.1:${daemonPort}/${name}.git`,
      httpUrlOf: (name) => `http://testbed:${token}@127.0.0.1:${httpPort}/${name}.git`,
      sshUrlOf: (name) => `ssh://${sshd.access.user}@127.0.0.1:${sshPort}${pathOf(name)}`,
      token,
      ssh: sshd.access,
      pids: Object.fromEntries(started.map(({ name, pid }) => [name, pid])),
      ended: Promise.race(started.map(async (each) => `${each.name} ${await each.ended}`)),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The program itself: `git daemon` would be its parent, and leave it behind when it is killed. */
async function daemonOptions(directory: string, root: string, port: number) {
  const { stdout } = await promisify(execFile)('git', ['--exec-path']);
  const args = [
    '--listen=127.0.0.1',
    `--port=${port}`,
    `--base-path=${root}`,
    '--export-all',
    '--enable=receive-pack',
    '--reuseaddr',
    root,
  ];
  return { name: 'git-daemon', binary: join(stdout.trim(), 'git-daemon'), args, directory };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

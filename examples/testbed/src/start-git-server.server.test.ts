import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { processesNaming } from './processes-naming.testing.ts';
import { startGitServer, type GitServer } from './start-git-server.ts';
import { missingOf, TESTBED_SERVERS } from './testbed-servers.ts';

const entry = TESTBED_SERVERS['git'];
if (entry === undefined) throw new Error('The test bed has no Git server');
const missing = await missingOf(entry);
if (missing.length > 0 && process.env['CI'] === 'true') throw new Error(missing.join('\n'));

describe.skipIf(missing.length > 0)('Git server (needs git and openssh-server)', () => {
  let directory: string;
  let server: GitServer;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'carapulse-git-'));
    server = await startGitServer({ directory, signal: new AbortController().signal });
    await server.createRepository('shop', { 'values.yaml': 'tag: 1.0.0\n' });
  });
  afterAll(async () => {
    await server?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  async function git(at: string, ...args: readonly string[]): Promise<string> {
    const { keyFile, knownHostsFile } = server.ssh;
    const options = ['IdentitiesOnly=yes', 'BatchMode=yes', `UserKnownHostsFile=${knownHostsFile}`];
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: directory,
      GIT_TERMINAL_PROMPT: '0',
      GIT_SSH_COMMAND: [
        'ssh',
        '-F',
        '/dev/null',
        '-i',
        keyFile,
        ...options.flatMap((each) => ['-o', each]),
      ].join(' '),
    };
    const who = ['-c', 'user.name=Somebody', '-c', 'user.email=somebody@localhost'];
    return (await promisify(execFile)('git', ['-C', at, ...who, ...args], { env })).stdout.trim();
  }

  test.each(['git', 'http', 'ssh'] as const)('clones and pushes over %s', async (protocol) => {
    const urls = { git: server.urlOf('shop'), http: server.httpUrlOf('shop'), ssh: server.sshUrlOf('shop') };
    const copy = join(directory, `copy-${protocol}`);
    await git(directory, 'clone', '--quiet', urls[protocol], copy);
    await writeFile(join(copy, `${protocol}.txt`), protocol);
    await git(copy, 'add', '.');
    await git(copy, 'commit', '--quiet', '-m', `over ${protocol}`);
    await git(copy, 'push', '--quiet', 'origin', 'main');
    const tip = await git(server.pathOf('shop'), 'rev-parse', 'main');
    expect(tip).toBe(await git(copy, 'rev-parse', 'HEAD'));
    expect(await git(copy, 'log', '-1', '--format=%s')).toBe(`over ${protocol}`);
  });

  test('a commit without a working copy changes, adds and removes files', async () => {
    await server.createRepository('direct', { 'a.txt': 'a', 'b.txt': 'ä\n' });
    const tip = await server.commit({
      name: 'direct',
      files: { 'a.txt': null, 'b.txt': 'b', 'new/c d.txt': 'c' },
      message: 'Second',
    });
    const at = server.pathOf('direct');
    expect(await git(at, 'rev-parse', 'main')).toBe(tip);
    expect(await git(at, 'log', '--format=%s')).toBe('Second\nInitial commit');
    expect((await git(at, 'ls-tree', '-r', '--name-only', 'main')).split('\n')).toEqual([
      'b.txt',
      'new/c d.txt',
    ]);
    expect(await git(at, 'show', 'main~:b.txt')).toBe('ä');
  });

  test('without the token HTTP gives nothing', async () => {
    const url = server.httpUrlOf('shop').replace(server.token, 'wrong');
    await expect(git(directory, 'ls-remote', url)).rejects.toMatchObject({
      stderr: expect.stringContaining('Authentication failed'),
    });
  });

  test('SSH runs nothing but Git, and nothing for a key that it does not know', async () => {
    const { port, user, keyFile, knownHostsFile } = server.ssh;
    const stranger = join(directory, 'stranger');
    await promisify(execFile)('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', stranger]);
    const ssh = (key: string) => {
      const options = ['IdentitiesOnly=yes', 'BatchMode=yes', `UserKnownHostsFile=${knownHostsFile}`];
      const args = [
        '-F',
        '/dev/null',
        '-i',
        key,
        '-p',
        String(port),
        ...options.flatMap((each) => ['-o', each]),
      ];
      return promisify(execFile)('ssh', [...args, `${user}@127.0.0.1`, 'id']);
    };
    await expect(ssh(keyFile)).rejects.toMatchObject({
      stderr: expect.stringContaining("unrecognized command 'id'"),
    });
    await expect(ssh(stranger)).rejects.toMatchObject({
      stderr: expect.stringContaining('Permission denied'),
    });
  });

  test('stopped, nothing of it is left', async () => {
    expect(await processesNaming(directory)).toHaveLength(2);
    await server.stop();
    expect(await processesNaming(directory)).toEqual([]);
  });
});

import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ServerProcessOptions } from './server-process.ts';

export interface GitOverSsh {
  /** The one user that may come: whoever runs the server. */
  readonly user: string;
  readonly port: number;
  /** Private key of a client, which only this user may read. */
  readonly keyFile: string;
  readonly knownHostsFile: string;
}

export const SSHD_INSTALL = 'install it with `apt-get install openssh-server`';

interface SshdPlace {
  /** Its full path: it runs itself anew for each connection. */
  readonly binary: string;
  readonly directory: string;
  readonly port: number;
}

interface SshdPlan {
  readonly options: ServerProcessOptions;
  readonly access: GitOverSsh;
}

/** Keys and configuration of an SSH server of this user's own, which runs Git's commands and nothing else. */
export async function planSshd({ binary, directory, port }: SshdPlace): Promise<SshdPlan> {
  const at = (name: string) => join(directory, name);
  const { username: user, uid } = userInfo();
  for (const name of ['host_key', 'client_key'])
    await promisify(execFile)('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', at(name)]);
  const publicKey = async (name: string) => (await readFile(at(`${name}.pub`), 'utf8')).trim();
  await writeFile(at('authorized_keys'), `restrict ${await publicKey('client_key')}\n`, { mode: 0o600 });
  await writeFile(at('known_hosts'), `[127.0.0.1]:${port} ${await publicKey('host_key')}\n`);
  const config = [
    'ListenAddress 127.0.0.1',
    `Port ${port}`,
    `HostKey "${at('host_key')}"`,
    `AuthorizedKeysFile "${at('authorized_keys')}"`,
    `AllowUsers ${user}`,
    'AuthenticationMethods publickey',
    'PermitRootLogin prohibit-password',
    'ForceCommand git-shell -c "$SSH_ORIGINAL_COMMAND"',
    // The directory may be below one that others can write, such as /tmp.
    'StrictModes no',
    'UsePAM no',
    'PidFile none',
  ];
  await writeFile(at('sshd_config'), `${config.join('\n')}\n`);
  // Where sshd, as root, locks its unprivileged half in; as any other user it needs none.
  if (uid === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  return {
    options: { name: 'sshd', binary, args: ['-D', '-e', '-f', at('sshd_config')], directory },
    access: { user, port, keyFile: at('client_key'), knownHostsFile: at('known_hosts') },
  };
}

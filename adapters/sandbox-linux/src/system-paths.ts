import { existsSync, lstatSync, readlinkSync, realpathSync } from 'node:fs';

/** The PATH programs are looked up on, whatever the caller's is. */
export const PROGRAM_DIRS: readonly string[] = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
];

export const DEVICES: readonly string[] = [
  '/dev/null',
  '/dev/zero',
  '/dev/full',
  '/dev/random',
  '/dev/urandom',
];

const TREES = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];

// What programs need of /etc: the loader, names, time zone, certificates, file types, git's system configuration.
const ETC = [
  'alternatives',
  'ca-certificates',
  'ca-certificates.conf',
  'crypto-policies',
  'gitconfig',
  'group',
  'host.conf',
  'hosts',
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'localtime',
  'mime.types',
  'nsswitch.conf',
  'passwd',
  'pki/ca-trust',
  'pki/tls/certs',
  'pki/tls/cert.pem',
  'protocols',
  'services',
  'ssl/cert.pem',
  'ssl/certs',
  'ssl/openssl.cnf',
];

export interface SystemPaths {
  /** Real paths, for rules on files. */
  readonly real: readonly string[];
  /** Path inside → path outside, for mounts. */
  readonly binds: ReadonlyArray<readonly [inside: string, outside: string]>;
  /** Path inside → target of the link. */
  readonly links: ReadonlyArray<readonly [path: string, target: string]>;
}

/** The parts of this machine's system that every sandboxed program may read. */
export function findSystemPaths(): SystemPaths {
  const binds: Array<[string, string]> = [];
  const links: Array<[string, string]> = [];
  for (const path of TREES) {
    if (!existsSync(path)) continue;
    if (lstatSync(path).isSymbolicLink()) links.push([path, readlinkSync(path)]);
    else binds.push([path, path]);
  }
  for (const name of ETC) {
    const path = `/etc/${name}`;
    if (existsSync(path)) binds.push([path, realpathSync(path)]);
  }
  return { real: [...new Set(binds.map(([, outside]) => realpathSync(outside)))], binds, links };
}

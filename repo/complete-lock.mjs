// Adds to package-lock.json the optional packages of other platforms that the lock file's own packages name and
// it lacks: npm drops those its registry does not serve, and then `npm ci` against a complete registry (or the
// same one) refuses the file as out of sync. Run it after `npm install`. Plain JavaScript, for Node 20 and newer.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos'];
const processors = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64'];

/**
 * What a platform package's name says of where it runs, in npm's terms.
 * @returns null if the name says no system and processor.
 */
export function platformOf(name) {
  const words = name.slice(name.lastIndexOf('/') + 1).split('-');
  const os = words.includes('win32') ? 'win32' : words.find((word) => systems.includes(word));
  const cpu = words.find((word) => processors.includes(word));
  if (os === undefined || cpu === undefined) return null;
  const abi = words.at(-1) ?? '';
  const libc = os !== 'linux' ? undefined : abi.startsWith('musl') ? 'musl' : 'glibc';
  return { os: [os], cpu: [cpu], ...(libc === undefined ? {} : { libc: [libc] }) };
}

/** Whether this repository's supported platforms (Linux with glibc, x64 and arm64) would install it. */
export function isSupported(platform) {
  return (
    platform.os.includes('linux') &&
    platform.cpu.some((cpu) => cpu === 'x64' || cpu === 'arm64') &&
    (platform.libc ?? ['glibc']).includes('glibc')
  );
}

/** Optional dependencies that no entry of the lock file answers, as `{ owner, name, version, dev }`. */
export function missingOptional(lock) {
  const missing = [];
  for (const [path, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (!isAnswered(lock.packages, path, name))
        missing.push({ owner: path, name, version, dev: entry.dev });
    }
  }
  return missing;
}

function isAnswered(packages, from, name) {
  for (let folder = from; ;) {
    if (packages[`${folder === '' ? '' : `${folder}/`}node_modules/${name}`] !== undefined) return true;
    if (folder === '') return false;
    const parent = folder.lastIndexOf('/node_modules/');
    folder = parent < 0 ? '' : folder.slice(0, parent);
  }
}

/**
 * The lock file with an entry for each missing platform package. They carry no checksum, so one that a supported
 * platform would install is refused: that one must come from a registry that has it.
 */
export function completed(lock) {
  const added = missingOptional(lock).map(({ owner, name, version, dev }) => {
    const platform = platformOf(name);
    if (platform === null || isSupported(platform) || !/^\d+\.\d+\.\d+$/.test(version)) {
      throw new Error(
        `package-lock.json lacks ${name} ${version}, which ${owner} needs; run npm install where a registry serves it`,
      );
    }
    return [`node_modules/${name}`, { version, ...platform, ...(dev ? { dev: true } : {}), optional: true }];
  });
  const entries = [...Object.entries(lock.packages), ...added];
  const packages = Object.fromEntries(entries.toSorted(([a], [b]) => a.localeCompare(b, 'en')));
  return { lock: { ...lock, packages }, added: added.map(([path]) => path) };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = join(dirname(fileURLToPath(import.meta.url)), '..', 'package-lock.json');
  const { lock, added } = completed(JSON.parse(readFileSync(path, 'utf8')));
  if (added.length > 0) writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
  process.stderr.write(`package-lock.json: ${added.length} entries of other platforms added\n`);
}

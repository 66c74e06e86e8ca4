import { isSupported, missingOptional, platformOf } from '../complete-lock.mjs';
import { packagesOf, type Repository } from './repository.ts';

/** An entry of package-lock.json's `packages`; the key is its path, '' for the root. */
export interface LockEntry {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly license?: string;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
  readonly [kind: string]: unknown;
}

const LISTS = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'];

export function lockEntries(repository: Repository): ReadonlyMap<string, LockEntry> {
  const lock = JSON.parse(repository.read('package-lock.json')) as {
    readonly packages: Readonly<Record<string, LockEntry>>;
  };
  return new Map(Object.entries(lock.packages));
}

/** What would make `npm ci` refuse the lock file, tie it to one registry, or install unchecked bytes. */
export function lockFaults(repository: Repository): readonly string[] {
  const entries = lockEntries(repository);
  const fix = 'run `npm run lock` and commit package-lock.json';
  const faults = missingOptional({ packages: Object.fromEntries(entries) }).map(
    ({ owner, name }) => `package-lock.json lacks ${name}, which ${owner} names for another platform; ${fix}`,
  );
  for (const { folder, manifest } of packagesOf(repository)) {
    const entry = entries.get(folder);
    for (const kind of LISTS) {
      if (sorted(entry?.[kind]) !== sorted((manifest as unknown as LockEntry)[kind]))
        faults.push(`package-lock.json is not in sync with ${kind} of ${folder || 'the root'}; ${fix}`);
    }
  }
  for (const [path, entry] of entries) {
    if (/^(https?|git)/.test(entry.resolved ?? ''))
      faults.push(`package-lock.json has a download address for ${path}; ${fix}`);
    if (!path.includes('node_modules/') || entry.link === true || entry.integrity !== undefined) continue;
    const platform =
      entry.os === undefined
        ? platformOf(path)
        : { os: entry.os, cpu: entry.cpu ?? [], ...(entry.libc && { libc: entry.libc }) };
    if (entry.optional !== true || platform === null || isSupported(platform))
      faults.push(`package-lock.json has no checksum for ${path}; ${fix}`);
  }
  return faults;
}

function sorted(list: unknown): string {
  return JSON.stringify(Object.entries(list ?? {}).toSorted(([a], [b]) => a.localeCompare(b, 'en')));
}

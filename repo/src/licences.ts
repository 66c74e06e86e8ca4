import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lockEntries } from './lock-file.ts';
import { repositoryRoot, type Repository } from './repository.ts';

const PERMISSIVE = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  // Attribution only; of data, as caniuse-lite's tables of browsers.
  'CC-BY-4.0',
  'ISC',
  'MIT',
  'PostgreSQL',
  'Unlicense',
]);

/** What a package's own licence file says where its package.json says nothing. */
const STATED_ELSEWHERE: Readonly<Record<string, string>> = { 'node_modules/unionfs': 'Unlicense' };

/** Weak copyleft, used unchanged by the tools of development and shipped with nothing. */
const DEVELOPMENT_ONLY = /^(?:node_modules\/)?lightningcss(-|$)/;

/** True when an SPDX expression lets one choose only permissive licences. */
export function isPermissive(expression: string): boolean {
  return expression
    .replaceAll(/[()]/g, '')
    .split(/\s+OR\s+/)
    .some((choice) => choice.split(/\s+AND\s+/).every((name) => PERMISSIVE.has(name.trim())));
}

/** @param installed reads the `license` of an installed package's own package.json; null if it is not installed. */
export function licenceFaults(
  repository: Repository,
  installed: (path: string) => string | null = installedLicence,
): readonly string[] {
  return [...lockEntries(repository)].flatMap(([path, entry]) => {
    if (!path.includes('node_modules/') || entry.link === true) return [];
    const licence = installed(path) ?? entry.license ?? STATED_ELSEWHERE[path] ?? null;
    // A platform's package that no registry here serves: its licence is that of the package which names it.
    if (licence === null && entry.optional === true && entry.integrity === undefined) return [];
    if (licence !== null && isPermissive(licence)) return [];
    if (licence === 'MPL-2.0' && DEVELOPMENT_ONLY.test(path) && entry['dev'] === true) return [];
    return [`${path} has the licence ${licence ?? '(none stated)'}; take a package with a permissive one`];
  });
}

function installedLicence(path: string): string | null {
  const manifest = join(repositoryRoot, path, 'package.json');
  if (!existsSync(manifest)) return null;
  const { license } = JSON.parse(readFileSync(manifest, 'utf8')) as { readonly license?: unknown };
  return typeof license === 'string' ? license : null;
}

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const PackageFile = z.object({ version: z.string() });

/** Version of the installed PGlite package, read from its own package file. */
export function installedEngine(): string {
  const entry = fileURLToPath(import.meta.resolve('@electric-sql/pglite'));
  const file = `${entry.slice(0, entry.lastIndexOf('/dist/'))}/package.json`;
  return PackageFile.parse(JSON.parse(readFileSync(file, 'utf8'))).version;
}

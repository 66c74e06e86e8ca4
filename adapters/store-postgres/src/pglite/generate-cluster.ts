/** Makes the committed archive of a fresh cluster from the installed PGlite's own initdb. Part of `npm run generate`. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { ARCHIVE_FILE, type ClusterManifest, MANIFEST_FILE, packCluster } from './cluster-archive.ts';
import { installedEngine } from './engine-version.ts';

/**
 * Writes the archive and its manifest. Not byte-identical between runs (initdb draws a system identifier), so it
 * does nothing when the manifest names the installed engine already, unless `force` is set.
 */
export async function generateCluster(force = false): Promise<'written' | 'current'> {
  const engine = installedEngine();
  if (!force && currentEngine() === engine) return 'current';
  const work = mkdtempSync(join(tmpdir(), 'carapulse-cluster-'));
  try {
    const directory = join(work, 'cluster');
    const database = await PGlite.create(directory, {
      startParams: [...PGlite.defaultStartParams, '-c', 'shared_buffers=8MB'],
    });
    await database.close();
    const packed = packCluster(directory);
    const manifest: ClusterManifest = {
      engine,
      postgres_major: Number(readFileSync(join(directory, 'PG_VERSION'), 'utf8').trim()),
      sha256: createHash('sha256').update(packed).digest('hex'),
    };
    mkdirSync(dirname(ARCHIVE_FILE), { recursive: true });
    writeFileSync(ARCHIVE_FILE, packed);
    writeFileSync(MANIFEST_FILE, `${JSON.stringify(manifest, null, 2)}\n`);
    return 'written';
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function currentEngine(): string | null {
  try {
    return (JSON.parse(readFileSync(MANIFEST_FILE, 'utf8')) as ClusterManifest).engine;
  } catch {
    return null;
  }
}

if (import.meta.main) {
  process.stderr.write(
    `embedded database template: ${await generateCluster(process.argv.includes('--force'))}\n`,
  );
}

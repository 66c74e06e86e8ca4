import { createHash } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import { AppError } from '@carapulse/kernel';
import { z } from 'zod';

/** Describes the committed archive of a freshly initialised cluster. */
export const ClusterManifest = z.strictObject({
  /** Version of the npm package whose initdb made it. */
  engine: z.string().min(1),
  postgres_major: z.int().positive(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type ClusterManifest = z.infer<typeof ClusterManifest>;

const Header = z.strictObject({
  directories: z.array(z.string()),
  files: z.array(z.strictObject({ path: z.string(), bytes: z.int().nonnegative() })),
});
type Header = z.infer<typeof Header>;

const artifacts = join(import.meta.dirname, '..', '..', 'artifacts');
export const ARCHIVE_FILE = join(artifacts, 'cluster.br');
export const MANIFEST_FILE = join(artifacts, 'cluster.json');

/** One JSON line (directories, files with their sizes), then the files' bytes in that order, all in brotli. */
export function packCluster(directory: string): Uint8Array {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true })
    .map((entry) => ({
      path: join(entry.parentPath, entry.name).slice(directory.length + 1),
      isFile: entry.isFile(),
    }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const bodies = entries
    .filter((entry) => entry.isFile)
    .map((entry) => readFileSync(join(directory, entry.path)));
  const header: Header = {
    directories: entries.filter((entry) => !entry.isFile).map((entry) => entry.path),
    files: entries
      .filter((entry) => entry.isFile)
      .map((entry, index) => ({ path: entry.path, bytes: bodies[index]?.length ?? 0 })),
  };
  const plain = Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), ...bodies]);
  return brotliCompressSync(plain, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_LGWIN]: 24,
      [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
    },
  });
}

/** The manifest that lies beside the archive. @throws AppError `unavailable` when either is missing or damaged. */
export function readManifest(): ClusterManifest {
  try {
    return ClusterManifest.parse(JSON.parse(readFileSync(MANIFEST_FILE, 'utf8')));
  } catch (error) {
    throw damaged(`${MANIFEST_FILE}: ${(error as Error).message}`, error);
  }
}

/**
 * Creates a cluster at `target`, which must not exist: all of it, synced to disk, or nothing of it.
 * @throws AppError `unavailable` when the archive does not match its manifest.
 */
export function unpackCluster(target: string): void {
  const manifest = readManifest();
  const packed = readFileSync(ARCHIVE_FILE);
  const sha256 = createHash('sha256').update(packed).digest('hex');
  if (sha256 !== manifest.sha256) {
    throw damaged(`${ARCHIVE_FILE} has sha256 ${sha256}, its manifest says ${manifest.sha256}`);
  }
  const plain = brotliDecompressSync(packed);
  const headerEnd = plain.indexOf(10);
  const header = Header.parse(JSON.parse(plain.toString('utf8', 0, headerEnd)));
  const building = `${target}.new`;
  rmSync(building, { recursive: true, force: true });
  mkdirSync(building, { mode: 0o700 });
  for (const path of header.directories) mkdirSync(join(building, path), { mode: 0o700 });
  let offset = headerEnd + 1;
  for (const file of header.files) {
    writeSynced(join(building, file.path), plain.subarray(offset, offset + file.bytes));
    offset += file.bytes;
  }
  for (const path of header.directories) syncDirectory(join(building, path));
  syncDirectory(building);
  renameSync(building, target);
  syncDirectory(dirname(target));
}

function writeSynced(path: string, bytes: Uint8Array): void {
  const fd = openSync(path, 'wx', 0o600);
  try {
    let written = 0;
    while (written < bytes.length) written += writeSync(fd, bytes, written);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function syncDirectory(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function damaged(what: string, cause?: unknown): AppError {
  return new AppError(
    'unavailable',
    `The embedded database's template is damaged: ${what}. Restore it with \`git checkout\` or run \`npm run generate\`.`,
    { cause },
  );
}

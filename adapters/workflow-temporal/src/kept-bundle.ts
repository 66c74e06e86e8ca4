/**
 * Owner: one file, in which a bundle is kept between starts. Boundary: that file, and reading what bundles are made of.
 * 1. What is given out was made by this Node of exactly the files that lie there now, those that were not there included.
 * 2. It appears whole, by a rename, readable by its owner alone.
 * 3. It isn't needed: one that can't be read, or is of another make, is as good as none.
 */
import { createHash, randomUUID } from 'node:crypto';
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { z } from 'zod';

/** File systems tell the time of a change in steps. */
const FRESH_MS = 1000;

export interface Bundle {
  readonly code: string;
  /** Every path that was looked at to make it, there or not. */
  readonly paths: readonly string[];
}

const Kept = z.strictObject({
  maker: z.string(),
  /** Path → what was there. */
  files: z.record(z.string(), z.string()),
  code: z.string(),
  code_digest: z.string(),
});

/** The bundle that is kept in `file`; otherwise what `make` gives, which is kept then. */
export async function keptBundle(
  file: string,
  workflowsPath: string,
  make: () => Promise<Bundle>,
): Promise<string> {
  const maker = `${process.version} ${process.arch} ${workflowsPath}`;
  const known = await read(file);
  if (known !== null && known.maker === maker && (await isAsMade(known))) return known.code;
  const begunMs = Date.now();
  const { code, paths } = await make();
  const files = await Promise.all(paths.map(async (path) => [path, await found(path)] as const));
  const settled = await Promise.all(paths.map((path) => isOlder(path, begunMs - FRESH_MS)));
  if (settled.every(Boolean)) {
    const kept = { maker, files: Object.fromEntries(files), code, code_digest: sha256(code) };
    await write(file, kept).catch(() => undefined);
  }
  return code;
}

async function read(file: string): Promise<z.infer<typeof Kept> | null> {
  try {
    return Kept.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return null;
  }
}

async function isAsMade({ files, code, code_digest: digest }: z.infer<typeof Kept>): Promise<boolean> {
  if (sha256(code) !== digest || Object.keys(files).length === 0) return false;
  const same = Object.entries(files).map(async ([path, then]) => (await found(path)) === then);
  return (await Promise.all(same)).every(Boolean);
}

/** Whether the file is not there, or was last changed before; what changed later may not be what the bundle has. */
async function isOlder(path: string, beforeMs: number): Promise<boolean> {
  const state = await stat(path).catch(() => null);
  return state === null || !state.isFile() || state.mtimeMs < beforeMs;
}

/** A digest of the file, or why there is none. */
async function found(path: string): Promise<string> {
  try {
    return sha256(await readFile(path));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unreadable';
  }
}

async function write(file: string, kept: z.infer<typeof Kept>): Promise<void> {
  const temporary = `${file}.${randomUUID()}`;
  try {
    await writeFile(temporary, JSON.stringify(kept), { mode: 0o600, flag: 'wx' });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { AppError } from '@carapulse/kernel';

const MAX_FILES = 1000;
const MAX_BYTES = 16 * 1024 * 1024;

/** Rego modules and data of one directory, laid out as `opa run <dir>` reads it. */
export interface PolicyBundle {
  /** Sorted by path; paths use `/` and are relative to the directory. Tests (`_test.rego`) included. */
  readonly modules: readonly { readonly path: string; readonly source: string }[];
  /** Each `data.json`, placed at its folder's path in the document. */
  readonly data: Readonly<Record<string, unknown>>;
  /** sha256 over what decides: modules but tests, and data. */
  readonly digest: string;
}

/**
 * Reads every `.rego` file and `data.json` below `dir`.
 * @throws AppError `unavailable` when the directory can't be read, holds no rule, is too large, or a data file
 * is not a JSON object.
 */
export async function readPolicyBundle(dir: string, signal: AbortSignal): Promise<PolicyBundle> {
  const files = await listFiles(dir);
  const modules: { path: string; source: string }[] = [];
  const data: Record<string, unknown> = {};
  const digest = createHash('sha256');
  let bytes = 0;
  for (const path of files) {
    const text = await readText(join(dir, path), signal);
    bytes += text.length;
    if (bytes > MAX_BYTES) {
      throw new AppError(
        'unavailable',
        `The policies in ${dir} are over ${MAX_BYTES} bytes; keep data elsewhere`,
      );
    }
    if (path.endsWith('.rego')) modules.push({ path, source: text });
    else placeData(data, path, text);
    if (!path.endsWith('_test.rego')) digest.update(`${path.length}:${path}${text.length}:${text}`);
  }
  if (!modules.some((module) => !module.path.endsWith('_test.rego'))) {
    throw new AppError('unavailable', `There is no .rego rule in ${dir}; point policy.dir at your policies`);
  }
  return { modules, data, digest: `sha256:${digest.digest('hex')}` };
}

async function readText(path: string, signal: AbortSignal): Promise<string> {
  try {
    return await readFile(path, { encoding: 'utf8', signal });
  } catch (error) {
    if (signal.aborted) throw new AppError('cancelled', 'Loading the policies was stopped by its caller');
    throw new AppError('unavailable', `${path} cannot be read: ${String(error)}`, { cause: error });
  }
}

async function listFiles(dir: string): Promise<string[]> {
  try {
    const entries = await readdir(dir, { withFileTypes: true, recursive: true });
    const files = entries
      .filter((entry) => entry.isFile() && (entry.name.endsWith('.rego') || entry.name === 'data.json'))
      .map((entry) => relative(dir, join(entry.parentPath, entry.name)).split(sep).join('/'))
      .filter((path) => !path.split('/').some((part) => part.startsWith('.')));
    if (files.length > MAX_FILES) {
      throw new AppError(
        'unavailable',
        `${dir} holds ${files.length} policy files; ${MAX_FILES} are the limit`,
      );
    }
    return files.toSorted();
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError('unavailable', `The policies in ${dir} cannot be read: ${String(error)}`, {
      cause: error,
    });
  }
}

function placeData(data: Record<string, unknown>, path: string, text: string): void {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new AppError('unavailable', `${path} is not JSON: ${String(error)}`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new AppError('unavailable', `${path} must hold a JSON object`);
  }
  let place = data;
  for (const folder of path.split('/').slice(0, -1)) {
    const next = (place[folder] ??= {});
    if (typeof next !== 'object' || next === null || Array.isArray(next)) {
      throw new AppError('unavailable', `${path} collides with a value at ${folder} in a data.json above it`);
    }
    place = next as Record<string, unknown>;
  }
  for (const [key, each] of Object.entries(value)) {
    if (Object.hasOwn(place, key)) throw new AppError('unavailable', `${path} defines ${key} a second time`);
    Object.defineProperty(place, key, { value: each, enumerable: true, configurable: true, writable: true });
  }
}

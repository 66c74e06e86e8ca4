import { statfs } from 'node:fs/promises';
import { toAppError } from '@carapulse/kernel';
import type { Readiness } from './check-readiness.ts';

const MEBIBYTE = 1024 * 1024;
/** Below it the embedded database doesn't start any more, and evidence, git's mirrors and checkpoints have no room. */
const LEAST_FREE_MB = 100;

/** Whether the disk of an installation's directory has room to work with; a database that answers doesn't tell. */
export async function checkDisk(directory: string, freeBytes = freeBytesAt): Promise<Readiness> {
  try {
    const free = Math.floor((await freeBytes(directory)) / MEBIBYTE);
    if (free >= LEAST_FREE_MB) return { name: 'disk', ok: true, detail: `${free} MB free` };
    const detail = `${free} MB free in ${directory}, ${LEAST_FREE_MB} are needed: make room`;
    return { name: 'disk', ok: false, detail };
  } catch (error) {
    return { name: 'disk', ok: false, detail: toAppError(error).message };
  }
}

/** What this user may still write. */
async function freeBytesAt(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}

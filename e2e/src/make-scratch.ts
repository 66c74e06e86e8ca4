import { chownSync, mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';

/** The scratch directory of one call, with what its tool begins with, for whoever its commands run as. */
export function makeScratch(
  root: string,
  directories: readonly string[],
  runAs: { readonly uid: number; readonly gid: number } | null,
): string {
  const scratch = mkdtempSync(join(root, 'scratch-'));
  for (const name of directories) mkdirSync(join(scratch, name));
  if (runAs !== null && process.getuid?.() === 0)
    for (const name of ['', ...directories]) chownSync(join(scratch, name), runAs.uid, runAs.gid);
  return scratch;
}

import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** Where programs are looked for; nothing on the user's own PATH counts. */
export const PROGRAM_DIRECTORIES: readonly string[] = ['/usr/local/bin', '/usr/bin', '/bin'];

/** The path of the program that a tool would run, or null when there is none. */
export function findProgram(
  program: string,
  directories: readonly string[] = PROGRAM_DIRECTORIES,
): string | null {
  return directories.map((directory) => join(directory, program)).find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

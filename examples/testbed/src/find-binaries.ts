import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { AppError } from '@carapulse/kernel';

const builder = fileURLToPath(new URL('../../../native/build-servers.ts', import.meta.url));

/** Programs by name; what is missing isn't in it. */
export type Binaries = Readonly<Record<string, string>>;

/** The binaries of servers that native/build-servers.ts has built. */
export async function findBuilt(servers: readonly string[]): Promise<Binaries> {
  const { stdout } = await promisify(execFile)(process.execPath, [builder, '--built', ...servers]);
  return Object.fromEntries(
    [...stdout.matchAll(/^(\S+) (.+)$/gm)].map(([, name = '', path = '']) => [name, path] as const),
  );
}

/** A program of the system, from PATH or where Debian keeps those of administrators. */
export function findOnPath(name: string): Binaries {
  const dirs = [...(process.env['PATH'] ?? '').split(delimiter).filter((dir) => dir !== ''), '/usr/sbin'];
  const path = dirs.map((dir) => join(dir, name)).find((each) => existsSync(each));
  return path === undefined ? {} : { [name]: path };
}

/** @throws AppError `not_found` that says `howToGet`. */
export function requireBinary(binaries: Binaries, name: string, howToGet: string): string {
  const path = binaries[name];
  if (path === undefined) throw new AppError('not_found', `There is no ${name} here: ${howToGet}`);
  return path;
}

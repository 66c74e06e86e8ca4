import { constants } from 'node:fs';
import { access, realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { AppError } from '@carapulse/kernel';
import type { CommandSpec, SandboxMount } from '@carapulse/tools';
import { PROGRAM_DIRS } from './system-paths.ts';

/** A command whose program, mounts and directory were found and checked. */
export interface LaunchPlan {
  readonly program: string;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: readonly string[];
  /** Real paths, parents before children. */
  readonly readOnly: readonly string[];
  readonly readWrite: readonly string[];
  /** Name, real or not → what was judged to be there, where the caller says so. */
  readonly identities: Readonly<Record<string, string>>;
  /** Names the caller used that are not the real ones: name → real path, with its mode. */
  readonly aliases: ReadonlyArray<readonly [name: string, real: string, mode: 'ro' | 'rw']>;
}

const RESERVED = ['/', '/proc', '/sys', '/dev', '/run/carapulse'];
const SYSTEM = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/etc', '/boot'];
const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * @throws AppError `invalid_input` for a command that cannot be run as asked, `not_found` for a program or a mount
 * that is not there.
 */
export async function planLaunch(command: CommandSpec, programDirs = PROGRAM_DIRS): Promise<LaunchPlan> {
  checkStrings(command);
  checkLimits(command);
  const mounts = await Promise.all(command.mounts.map(resolveMount));
  const readWrite = unique(mounts.filter((mount) => mount.mode === 'rw').map((mount) => mount.real));
  const readOnly = unique(mounts.filter((mount) => mount.mode === 'ro').map((mount) => mount.real));
  for (const path of readOnly) {
    const outer = readWrite.find((root) => isBeneath(path, root));
    if (outer !== undefined) {
      throw invalid(
        `The read-only mount ${path} lies in the writable mount ${outer}, which would win; list it apart.`,
      );
    }
  }
  checkFiles(command, mounts);
  const program = await findProgram(command.argv[0], programDirs);
  const folder = dirname(program);
  // What the system doesn't have at its own places is to be seen all the same; what is mounted is seen already.
  const added =
    isAbsolute(command.argv[0]) ||
    [...SYSTEM, ...readWrite, ...readOnly].some((root) => isBeneath(folder, root))
      ? []
      : [await resolveMount({ path: folder, mode: 'ro' })];
  const cwd = await realpathOf(command.cwd, 'The working directory');
  if (![...readWrite, ...readOnly].some((root) => isBeneath(cwd, root))) {
    throw invalid(`The working directory ${command.cwd} is not in any of the mounts.`);
  }
  return {
    program,
    argv: command.argv,
    cwd,
    env: Object.entries(command.env).map(([name, value]) => `${name}=${value}`),
    readOnly: unique([...readOnly, ...added.map(({ real }) => real)]),
    readWrite,
    identities: Object.fromEntries(
      mounts.flatMap(({ path, real, identity }) =>
        identity === undefined ? [] : [path, real].map((name) => [name, identity]),
      ),
    ),
    aliases: [...mounts, ...added]
      .filter((mount) => mount.path !== mount.real)
      .map((mount) => [mount.path, mount.real, mount.mode]),
  };
}

/** True for the directory itself and all below it. */
export function isBeneath(path: string, root: string): boolean {
  return path === root || path.startsWith(root === '/' ? '/' : `${root}/`);
}

async function resolveMount(mount: SandboxMount): Promise<SandboxMount & { real: string }> {
  if (!isAbsolute(mount.path)) throw invalid(`The mount ${mount.path} is not an absolute path.`);
  const real = await realpathOf(mount.path, 'The mount');
  const path = resolve(mount.path);
  if (RESERVED.includes(real) || RESERVED.slice(1).some((root) => isBeneath(real, root))) {
    throw invalid(`${mount.path} cannot be mounted in a sandbox; mount the directory the tool works in.`);
  }
  if (mount.mode === 'rw' && SYSTEM.some((root) => isBeneath(real, root))) {
    throw invalid(`${mount.path} is part of the system and cannot be mounted writable.`);
  }
  return { ...mount, path, real };
}

async function realpathOf(path: string, what: string): Promise<string> {
  if (!isAbsolute(path)) throw invalid(`${what} ${path} is not an absolute path.`);
  try {
    return await realpath(path);
  } catch (error) {
    throw new AppError('not_found', `${what} ${path} is not there; create it first.`, { cause: error });
  }
}

async function findProgram(name: string, programDirs: readonly string[]): Promise<string> {
  if (isAbsolute(name)) {
    if (await isExecutable(name)) return name;
    throw new AppError('not_found', `${name} is not a program on this machine.`);
  }
  if (name === '' || name.includes('/'))
    throw invalid(`${name} is neither a program's name nor an absolute path.`);
  for (const dir of programDirs) {
    const candidate = join(dir, name);
    if (await isExecutable(candidate)) return candidate;
  }
  throw new AppError('not_found', `${name} is not installed on ${programDirs.join(':')}; install it there.`);
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

function checkStrings(command: CommandSpec): void {
  const entries = Object.entries(command.env);
  for (const [name] of entries) {
    if (!ENV_NAME.test(name))
      throw invalid(`${JSON.stringify(name)} is not a name for an environment variable.`);
  }
  const strings = [
    ...command.argv,
    command.cwd,
    ...entries.map(([, value]) => value),
    ...command.mounts.map((m) => m.path),
  ];
  if (strings.some((text) => text.includes('\0'))) throw invalid('A command cannot carry NUL characters.');
}

function checkFiles(command: CommandSpec, mounts: ReadonlyArray<SandboxMount & { real: string }>): void {
  for (const { path } of command.files ?? []) {
    if (path.includes('\0') || !isAbsolute(path) || resolve(path) !== path)
      throw invalid(`The file ${JSON.stringify(path)} has no absolute path in its plain form.`);
    const inside = mounts.some(
      (mount) => mount.mode === 'rw' && (isBeneath(path, mount.path) || isBeneath(path, mount.real)),
    );
    if (!inside) throw invalid(`The file ${path} lies in no writable mount.`);
  }
}

function checkLimits(command: CommandSpec): void {
  for (const [name, value] of Object.entries(command.limits)) {
    if (!Number.isSafeInteger(value) || value <= 0)
      throw invalid(`The limit ${name} is not a positive whole number.`);
  }
}

function unique(paths: readonly string[]): string[] {
  return [...new Set(paths)].toSorted();
}

function invalid(message: string): AppError {
  return new AppError('invalid_input', message);
}

import { existsSync } from 'node:fs';
import { readFile, readdir, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { Actor, AppError, parseInput } from '@carapulse/kernel';
import { z } from 'zod';
import type { Terminal } from '../terminal.ts';

const Endpoint = z.object({ url: z.url(), pid: z.int() });
const Identity = z.object({ name: z.string(), kind: z.enum(['human', 'service']), private_key: z.string() });
export type Identity = z.infer<typeof Identity>;

/** The directory asked for, else the nearest `.carapulse` upward from where the person stands, else null. */
export function findInstallation(asked: string | undefined, terminal: Terminal): string | null {
  const given = asked ?? terminal.env['CARAPULSE_DIRECTORY'];
  if (given !== undefined && given !== '') return resolve(terminal.cwd, given);
  for (let at = resolve(terminal.cwd); ; at = dirname(at)) {
    const candidate = join(at, '.carapulse');
    if (existsSync(candidate)) return candidate;
    if (dirname(at) === at) return null;
  }
}

/** @throws AppError `not_found` when the command needs an installation's files and there are none. */
export function requireInstallation(asked: string | undefined, terminal: Terminal): string {
  const directory = findInstallation(asked, terminal);
  if (directory !== null && existsSync(directory)) return directory;
  throw new AppError(
    'not_found',
    directory === null
      ? `No installation was found: there is no .carapulse in ${terminal.cwd} or above. Start one with \`carapulse up\`, or say where it is with --directory, or set CARAPULSE_URL and CARAPULSE_TOKEN.`
      : `There is no installation in ${directory}; check --directory, or start one there with \`carapulse up --directory '${directory}'\`.`,
  );
}

/** Where the server of an installation listens now. @throws AppError `unavailable` when it is stopped. */
export async function readEndpoint(directory: string): Promise<string> {
  const text = await readFile(join(directory, 'endpoint.json'), 'utf8').catch(() => null);
  if (text === null)
    throw new AppError(
      'unavailable',
      `Carapulse is not running in ${directory}; start it with \`carapulse up --directory '${directory}'\`.`,
      { retryable: true },
    );
  return parseInput(Endpoint, JSON.parse(text), 'endpoint.json').url;
}

/**
 * Whose token and key are used: the one named, else the person named as the OS user, else the only
 * person. Reading takes the first of several, since one OS user holds them all.
 * @throws AppError `invalid_input` naming the identities when none of these decides.
 */
export async function chooseIdentity(
  directory: string,
  asked: string | undefined,
  purpose: 'read' | 'write',
): Promise<string> {
  const folder = join(directory, 'identities');
  const names = (await readdir(folder).catch(() => [] as string[])).toSorted();
  const known = names
    .filter((name) => name.endsWith('.token'))
    .map((name) => name.slice(0, -'.token'.length));
  const list = known.join(', ') || 'none';
  if (asked !== undefined) {
    if (known.includes(asked)) return asked;
    throw new AppError('unauthenticated', `There is no identity ${asked} in ${folder}; there are: ${list}.`);
  }
  const people: string[] = [];
  for (const name of known)
    if ((await readIdentity(directory, name).catch(() => null))?.kind === 'human') people.push(name);
  const user = userInfo().username.toLowerCase();
  const chosen =
    people.find((name) => name === user) ??
    (people.length === 1 || purpose === 'read' ? people[0] : undefined);
  if (chosen !== undefined) return chosen;
  throw new AppError(
    'invalid_input',
    known.length === 0
      ? `There are no identities in ${folder}; start the installation once with \`carapulse up\`.`
      : `Say who you are with --as; there are: ${(people.length > 0 ? people : known).join(', ')}.`,
  );
}

/** The identity's file with its private key, or null when only the token is here. */
export async function readIdentity(directory: string, name: string): Promise<Identity | null> {
  const text = await readPrivate(join(directory, 'identities', `${name}.json`));
  return text === null ? null : parseInput(Identity, JSON.parse(text), `identities/${name}.json`);
}

export async function readToken(directory: string, name: string): Promise<string> {
  const text = await readPrivate(join(directory, 'identities', `${name}.token`));
  if (text !== null) return text.trim();
  throw new AppError(
    'unauthenticated',
    `The identity ${name} has no token in ${join(directory, 'identities')}.`,
  );
}

/** @throws AppError `forbidden` when the file is there and others can read it. */
export async function readPrivate(path: string): Promise<string | null> {
  try {
    if (((await stat(path)).mode & 0o077) !== 0)
      throw new AppError('forbidden', `Others can read ${path}; run \`chmod 600 '${path}'\`.`);
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof AppError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    throw new AppError(
      code === 'EACCES' ? 'forbidden' : 'unavailable',
      `Cannot read ${path}: ${message}${code === 'EACCES' ? '; are you the user who runs Carapulse?' : ''}`,
      { cause: error },
    );
  }
}

const TrustFile = z.object({
  keys: z.array(z.object({ actor: Actor.nullable() }).loose()),
});

/** The tenant of an installation, from its trust file, which lies outside the database. */
export async function tenantOf(directory: string): Promise<string> {
  const path = join(directory, 'trust.json');
  const text = await readPrivate(path);
  if (text === null) throw new AppError('not_found', `There is no trust file ${path}.`);
  const { keys } = parseInput(TrustFile, JSON.parse(text), path);
  const tenants = new Set(keys.flatMap((key) => (key.actor === null ? [] : [key.actor.tenant_id])));
  const [tenant] = tenants;
  if (tenant !== undefined && tenants.size === 1) return tenant;
  throw new AppError(
    'unavailable',
    `${path} names ${tenants.size} tenants; one is needed to check its chain.`,
  );
}

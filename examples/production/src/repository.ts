// Owner: one production. Boundary: the bare repository `checkout.git` (what the shop runs) and a developer's clone.
// 1. main only moves forward, and only by a push: force and deletion are refused by the repository itself.
// 2. Every move of main is in the reflog, so that effects can be counted where they land.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError, toTimestamp, type Clock } from '@carapulse/kernel';
import { BAD_CHANGE, HISTORY, INNOCENT_CHANGES, type Change } from './configuration.ts';
import { git } from './git.ts';

export interface Commit {
  readonly revision: string;
  readonly author: string;
  /** RFC 3339, whole seconds. */
  readonly committedAt: string;
  readonly subject: string;
}

/** One move of main, as the repository recorded it. */
export interface Push {
  readonly before: string;
  readonly after: string;
  readonly at: string;
}

export interface Repository {
  /** Path of the bare repository; clone it, push to it. */
  readonly path: string;
  head(signal: AbortSignal): Promise<string>;
  describe(revision: string, signal: AbortSignal): Promise<Commit>;
  /** Writes the files of `revision` into `target`, which is created. */
  checkOut(revision: string, target: string, signal: AbortSignal): Promise<void>;
  pushBad(signal: AbortSignal): Promise<Commit>;
  /** One innocent commit; `index` counts from 0 below `innocentCount`. */
  pushInnocent(index: number, signal: AbortSignal): Promise<Commit>;
  readonly innocentCount: number;
  /** Every push to main since the seed, oldest first. */
  pushes(signal: AbortSignal): Promise<readonly Push[]>;
}

const MAIN = 'refs/heads/main';
const HOUR_MS = 3_600_000;
const COMMIT_FORMAT = '%H%x00%an%x00%ct%x00%s';

/** Creates the repository afresh in `directory`, with some days of history on main. */
export async function createRepository(
  directory: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<Repository> {
  const path = join(directory, 'checkout.git');
  const developer = join(directory, 'developer');
  const inBare = (args: readonly string[], input?: string) =>
    git(['--git-dir', path, ...args], { signal, ...(input === undefined ? {} : { input }) });

  await rm(path, { recursive: true, force: true });
  await rm(developer, { recursive: true, force: true });
  await git(['init', '--quiet', '--bare', '--template=', '--initial-branch=main', path], { signal });
  await inBare(['fast-import', '--quiet', '--date-format=raw'], seedStream(clock.nowMs()));
  await writeFile(join(path, 'config'), BARE_CONFIG, { flag: 'a' });
  await git(['clone', '--quiet', '--template=', path, developer], { signal });

  return {
    path,
    innocentCount: INNOCENT_CHANGES.length,
    head: (signal) => readHead(path, signal),
    describe: (revision, signal) => describeCommit(path, revision, signal),
    checkOut: (revision, target, signal) => checkOut(path, revision, target, signal),
    pushBad: (signal) => push(path, developer, BAD_CHANGE, clock, signal),
    pushInnocent(index, signal) {
      const change = INNOCENT_CHANGES[index];
      if (change === undefined) {
        throw new AppError('invalid_input', `There is no innocent change ${index}`);
      }
      return push(path, developer, change, clock, signal);
    },
    pushes: (signal) => readPushes(path, signal),
  };
}

const BARE_CONFIG = `[core]
\tlogAllRefUpdates = true
[receive]
\tdenyNonFastForwards = true
\tdenyDeletes = true
\tautogc = false
[gc]
\tauto = 0
`;

/** `git fast-import` input of the history, the newest commit some hours old. */
function seedStream(nowMs: number): string {
  return HISTORY.map((change, index) => {
    const atSeconds = Math.floor((nowMs - (HISTORY.length - index) * 7 * HOUR_MS) / 1000);
    const who = `${change.author.name} <${change.author.email}> ${atSeconds} +0000`;
    const files = Object.entries(change.files).map(
      ([path, content]) => `M 100644 inline ${path}\n${data(content)}`,
    );
    const header = `commit ${MAIN}\nauthor ${who}\ncommitter ${who}\n`;
    return `${header}${data(message(change))}${files.join('')}\n`;
  }).join('');
}

const data = (text: string): string => `data ${Buffer.byteLength(text)}\n${text}\n`;

const message = (change: Change): string =>
  change.body === undefined ? `${change.subject}\n` : `${change.subject}\n\n${change.body}\n`;

/** Reads the loose ref, which costs no process; asks git when the ref was packed. */
async function readHead(path: string, signal: AbortSignal): Promise<string> {
  const loose = await readFile(join(path, MAIN), { encoding: 'utf8', signal }).catch(() => '');
  const revision = loose.trim();
  if (/^[0-9a-f]{40}$/.test(revision)) return revision;
  return (await git(['--git-dir', path, 'rev-parse', '--verify', MAIN], { signal })).trim();
}

async function describeCommit(path: string, revision: string, signal: AbortSignal): Promise<Commit> {
  const text = await git(['--git-dir', path, 'log', '-1', `--format=${COMMIT_FORMAT}`, revision, '--'], {
    signal,
  });
  const [hash = '', author = '', seconds = '', subject = ''] = text.trimEnd().split('\0');
  return { revision: hash, author, committedAt: toTimestamp(Number(seconds) * 1000), subject };
}

async function checkOut(path: string, revision: string, target: string, signal: AbortSignal): Promise<void> {
  await mkdir(target, { recursive: true });
  const index = `${target}.index`;
  await git(['--git-dir', path, '--work-tree', target, 'checkout', '--force', revision, '--', '.'], {
    signal,
    env: { GIT_INDEX_FILE: index },
  });
  await rm(index, { force: true });
}

async function push(
  path: string,
  developer: string,
  change: Change,
  clock: Clock,
  signal: AbortSignal,
): Promise<Commit> {
  const author = { ...change.author, atMs: clock.nowMs() };
  const inClone = (...args: readonly string[]) => git(['-C', developer, ...args], { signal, author });
  await inClone('fetch', '--quiet', 'origin', 'main');
  await inClone('reset', '--quiet', '--hard', 'FETCH_HEAD');
  for (const [name, content] of Object.entries(change.files)) {
    const file = join(developer, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }
  await inClone('add', '--all');
  await inClone('commit', '--quiet', '--message', message(change));
  const revision = (await inClone('rev-parse', 'HEAD')).trim();
  await inClone('push', '--quiet', 'origin', `HEAD:${MAIN}`);
  return describeCommit(path, revision, signal);
}

async function readPushes(path: string, signal: AbortSignal): Promise<readonly Push[]> {
  const log = await readFile(join(path, 'logs', MAIN), { encoding: 'utf8', signal }).catch(() => '');
  return log
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, before = '', after = '', seconds = '0'] =
        /^([0-9a-f]+) ([0-9a-f]+) .*> (\d+) /.exec(line) ?? [];
      return { before, after, at: toTimestamp(Number(seconds) * 1000) };
    });
}

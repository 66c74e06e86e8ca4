import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { open as openFile, type FileHandle } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
export const REPOSITORIES = ['alpha', 'beta'] as const;
export type RepositoryName = (typeof REPOSITORIES)[number];
export type Commits = Readonly<Record<RepositoryName, string>>;

/**
 * Lets a push that is held go on. With `dead`, for one whose process was killed, once it is gone too: let go while it is
 * being killed it may take a lock of Git's along, and nobody can push there any more.
 */
export type LetGo = (how?: { readonly dead?: boolean }) => Promise<void>;

/** Two repositories and what they configure: `/alpha` answers 200 exactly while alpha's main says `good`. */
export interface Shop {
  readonly url: string;
  readonly directory: string;
  bare(name: RepositoryName): string;
  /** Pushes a commit to each that makes it fail. */
  breakBoth(): Promise<Commits>;
  /** Pushes `good` to each that does not say so. */
  mend(): Promise<void>;
  /** Moves a branch with a commit that touches another file. */
  pushInnocent(name: RepositoryName): Promise<string>;
  /** While true every answer is 503, whatever the repositories say. */
  setOutage(outage: boolean): void;
  /** Puts main back to an earlier commit by hand. */
  reset(name: RepositoryName, revision: string): Promise<void>;
  /**
   * The next push breaks off before or after main has moved, and the repository can't be read any more: nobody can
   * tell what became of it until `repair`.
   */
  breakPush(name: RepositoryName, when: 'before' | 'after'): void;
  /** The next push waits before it moves main; the result resolves once one does, with what lets it go on. */
  holdPush(name: RepositoryName): Promise<LetGo>;
  /** Makes a repository readable again, and its pushes whole. */
  repair(name: RepositoryName): void;
  tip(name: RepositoryName): Promise<string>;
  /** How often main was moved so far, as the repository itself recorded it. */
  moves(name: RepositoryName): Promise<number>;
  state(name: RepositoryName): Promise<string>;
  close(): Promise<void>;
}

const IDENTITY = {
  GIT_AUTHOR_NAME: 'dev',
  GIT_AUTHOR_EMAIL: 'dev@shop.example',
  GIT_COMMITTER_NAME: 'dev',
  GIT_COMMITTER_EMAIL: 'dev@shop.example',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
};

export async function openShop(directory: string): Promise<Shop> {
  mkdirSync(directory, { recursive: true });
  const git = async (at: string, ...args: string[]): Promise<string> =>
    (await run('git', ['-C', at, ...args], { env: { ...process.env, ...IDENTITY } })).stdout.trim();
  const bare = (name: RepositoryName): string => join(directory, `${name}.git`);
  const work = (name: RepositoryName): string => join(directory, name);
  const hook = (name: RepositoryName, when: 'before' | 'after'): string =>
    join(bare(name), 'hooks', when === 'before' ? 'pre-receive' : 'post-receive');
  let count = 0;
  const commit = async (
    name: RepositoryName,
    file: string,
    text: string,
    subject: string,
  ): Promise<string> => {
    await git(work(name), 'fetch', '--quiet', 'origin');
    if (count > 0) await git(work(name), 'reset', '--quiet', '--hard', 'origin/main');
    writeFileSync(join(work(name), file), text);
    await git(work(name), 'add', '--all');
    await git(work(name), 'commit', '--quiet', '--message', subject);
    await git(work(name), 'push', '--quiet', 'origin', 'HEAD:main');
    return git(work(name), 'rev-parse', 'HEAD');
  };
  for (const name of REPOSITORIES) {
    await git(directory, 'init', '--quiet', '--bare', '--initial-branch=main', bare(name));
    await git(bare(name), 'config', 'core.logAllRefUpdates', 'always');
    await git(directory, 'clone', '--quiet', bare(name), work(name));
    await commit(name, 'state.txt', 'good\n', 'Begin');
  }
  count = 1;
  const state = (name: RepositoryName): Promise<string> => git(bare(name), 'show', 'main:state.txt');
  let out = false;
  const server = createServer((request, response) => {
    const name = REPOSITORIES.find((each) => request.url === `/${each}`);
    const say = (status: number, text: string): void => void response.writeHead(status).end(text);
    if (name === undefined) say(404, 'unknown');
    else
      void state(name).then(
        (text) => say(text === 'good' && !out ? 200 : 503, text),
        () => say(500, 'no state'),
      );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    directory,
    bare,
    state,
    setOutage: (outage) => {
      out = outage;
    },
    reset: async (name, revision) => void (await git(bare(name), 'update-ref', 'refs/heads/main', revision)),
    breakPush: (name, when) =>
      writeFileSync(hook(name, when), '#!/bin/sh\nmv HEAD HEAD.away && kill -9 $PPID\n', { mode: 0o755 }),
    holdPush: async (name) => {
      const [gate, first] = [join(bare(name), 'gate'), join(bare(name), 'first')];
      await run('mkfifo', [gate]);
      // Opening the pipe waits for its other end, on both sides.
      writeFileSync(hook(name, 'before'), '#!/bin/sh\nmkdir first 2>&- || exit 0\ncat gate\n', {
        mode: 0o755,
      });
      const open = await openFile(gate, 'w');
      return async ({ dead = false } = {}) => {
        if (dead) await nobodyReads(open);
        await open.close();
        for (const path of [gate, first, hook(name, 'before')])
          rmSync(path, { recursive: true, force: true });
      };
    },
    repair: (name) => {
      for (const when of ['before', 'after'] as const) rmSync(hook(name, when), { force: true });
      if (existsSync(join(bare(name), 'HEAD.away')))
        renameSync(join(bare(name), 'HEAD.away'), join(bare(name), 'HEAD'));
    },
    tip: (name) => git(bare(name), 'rev-parse', 'main'),
    breakBoth: async () => {
      count += 1;
      const text = `broken ${count}\n`;
      const [alpha, beta] = await Promise.all(
        REPOSITORIES.map((name) => commit(name, 'state.txt', text, `Change ${count}`)),
      );
      if (alpha === undefined || beta === undefined) throw new Error('a commit is missing');
      return { alpha, beta };
    },
    mend: async () => {
      for (const name of REPOSITORIES)
        if ((await state(name)) !== 'good') await commit(name, 'state.txt', 'good\n', 'Mend by hand');
    },
    pushInnocent: (name) => commit(name, 'notes.txt', `${(count += 1)}\n`, 'Notes'),
    moves: async (name) => (await git(bare(name), 'reflog', 'show', 'main')).split('\n').length,
    close: () => closeServer(server),
  };
}

function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

async function nobodyReads(pipe: FileHandle): Promise<void> {
  for (;;) {
    try {
      await pipe.write('.');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EPIPE') return;
      throw error;
    }
  }
}

import { execFileSync, fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { approve, endOf, type World } from '@carapulse/e2e/world';
import { compared, median, type Measurement } from './measurement.ts';

const ROUNDS = 5;
const GIT_ENV = {
  PATH: process.env['PATH'],
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'dev',
  GIT_AUTHOR_EMAIL: 'dev@shop.example',
  GIT_COMMITTER_NAME: 'dev',
  GIT_COMMITTER_EMAIL: 'dev@shop.example',
};

/** A process that pushes two clones one after the other once it is told to, and goes on with that after a crash. */
export interface Peer {
  readonly script: string;
  /** What it is given before the clones; `directory` is of this round alone. */
  readonly args: (directory: string) => readonly string[];
}

/** Seconds, of one run that was killed at its first effect. */
interface Seen {
  readonly effect: number;
  readonly recovery: number;
}

/** What a branch of a bare repository points at, without git. */
function tipOf(repository: string): string {
  return readFileSync(join(repository, 'refs', 'heads', 'main'), 'utf8').trim();
}

async function untilMoved(repositories: readonly string[], from: readonly string[]): Promise<void> {
  while (repositories.every((repository, index) => tipOf(repository) === from[index])) await sleep(1);
}

async function seeOurs(world: World): Promise<Seen> {
  const assistant = await world.start();
  const plan = await world.plan(assistant);
  await approve(assistant, plan, 'alice');
  const repositories = (['alpha', 'beta'] as const).map((name) => world.shop.bare(name));
  const before = repositories.map(tipOf);
  const approvedAt = performance.now();
  const approved = approve(assistant, plan, 'bob');
  await untilMoved(repositories, before);
  const effect = (performance.now() - approvedAt) / 1000;
  const { execution_id } = await approved;
  assistant.signal('SIGKILL');
  await assistant.ended;
  const spawnedAt = performance.now();
  const next = await world.start();
  const { execution } = await endOf(next, execution_id ?? '');
  const recovery = (performance.now() - spawnedAt) / 1000;
  await next.stop();
  if (execution.status !== 'succeeded') throw new Error(`The run is ${execution.status}.`);
  return { effect, recovery };
}

/** Two bare repositories, each with a clone that is one commit ahead. */
function prepare(directory: string): readonly { readonly bare: string; readonly clone: string }[] {
  return ['alpha', 'beta'].map((name) => {
    const [bare, clone] = [join(directory, `${name}.git`), join(directory, name)];
    const git = (...args: string[]) => void execFileSync('git', args, { env: GIT_ENV });
    git('init', '--quiet', '--bare', '--initial-branch=main', bare);
    git('init', '--quiet', '--initial-branch=main', clone);
    git('-C', clone, 'remote', 'add', 'origin', bare);
    for (const text of ['broken\n', 'good\n']) {
      if (text === 'good\n') git('-C', clone, 'push', '--quiet', 'origin', 'HEAD:main');
      writeFileSync(join(clone, 'state.txt'), text);
      git('-C', clone, 'add', '--all');
      git('-C', clone, 'commit', '--quiet', '--message', text.trim());
    }
    return { bare, clone };
  });
}

async function seePeer(peer: Peer, directory: string): Promise<Seen> {
  mkdirSync(directory);
  const repositories = prepare(directory);
  const bares = repositories.map(({ bare }) => bare);
  const before = bares.map(tipOf);
  const args = [...peer.args(directory), ...repositories.map(({ clone }) => clone)];
  const spawn = (): ChildProcess =>
    fork(peer.script, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const end = async (child: ChildProcess, signal: NodeJS.Signals): Promise<void> => {
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  };
  const first = spawn();
  await once(first, 'message');
  const startedAt = performance.now();
  first.send({ kind: 'start' });
  await untilMoved(bares, before);
  const effect = (performance.now() - startedAt) / 1000;
  await end(first, 'SIGKILL');
  const spawnedAt = performance.now();
  const next = spawn();
  await untilMoved(bares.slice(1), before.slice(1));
  const recovery = (performance.now() - spawnedAt) / 1000;
  await end(next, 'SIGTERM');
  return { effect, recovery };
}

/**
 * From the deciding approval to the first of two pushes, and from a SIGKILL there to the run's end, beside a peer that
 * pushes as much. Closes the world.
 */
export async function measureFirstEffect(world: World, peer: Peer): Promise<readonly Measurement[]> {
  const home = mkdtempSync(join(tmpdir(), 'carapulse-bench-effect-'));
  try {
    const [ours, theirs]: [Seen[], Seen[]] = [[], []];
    for (let round = 0; round < ROUNDS; round += 1) {
      ours.push(await seeOurs(world));
      theirs.push(await seePeer(peer, join(home, String(round))));
    }
    const of = (seen: readonly Seen[], name: keyof Seen): number => median(seen.map((each) => each[name]));
    return [
      compared(
        `deciding approval to first effect, median of ${ROUNDS}`,
        of(ours, 'effect'),
        of(theirs, 'effect'),
        's',
        '',
      ),
      compared(
        `spawned after SIGKILL at the first effect, to the end of the run, median of ${ROUNDS}`,
        of(ours, 'recovery'),
        of(theirs, 'recovery'),
        's',
        '',
      ),
    ];
  } finally {
    await world.close();
    rmSync(home, { recursive: true, force: true });
  }
}

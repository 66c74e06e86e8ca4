import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { JsonObject, JsonValue } from '@carapulse/kernel';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CommandResult, CommandSpec } from '../../sandbox.ts';
import { GitWorld, nameOf } from './git-world.testing.ts';
import type { RevertPreview } from './index.ts';

const DATE = '2026-01-10T12:00:00.000Z';
const FAILED: CommandResult = {
  exitCode: 1,
  stdout: '',
  stderr: 'No space left on device',
  durationMs: 1,
  stoppedBy: null,
};
let world: GitWorld;
let keep: string;
let first: string;
let bad: string;
let last: string;

beforeEach(() => {
  world = new GitWorld();
  keep = join(world.cache, 'shop.git');
  const text = Array.from({ length: 200 }, (_, line) => `setting ${line}`).join('\n');
  first = world.commit('Start', { conf: `${text}\ntimeout=5\n`, other: 'x\n' });
  bad = world.commit('Lower the time-out', { conf: `${text}\ntimeout=0\n` });
  last = world.commit('Innocent', { other: 'y\n' });
  world.publish();
});
afterEach(() => {
  world.remove();
});

const call = (action: string, input: JsonObject = {}): Promise<JsonValue> =>
  world.session(action, { repository: 'shop', ...input }).run();

/** What the commands were, in short. */
async function ran(work: Promise<unknown>): Promise<string[]> {
  world.commands = [];
  await work;
  return world.commands.map(nameOf);
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: { code: string; details: JsonObject }) => `${error.code} ${error.details['reason'] as string}`,
  );
}

/** Every kind of question, asked one after the other. */
async function answers(): Promise<unknown[]> {
  return [
    await call('log', { paths: ['conf'] }),
    await call('show', { revision: bad }),
    await call('show', { revision: bad.slice(0, 9) }),
    await call('diff', { from: first, to: 'main' }),
    await call('resolve'),
    await call('revert_preview', { commit: bad, date: DATE }),
    await codeOf(call('show', { revision: 'f'.repeat(40) })),
  ];
}

const packs = (): string[] =>
  readdirSync(join(keep, 'objects', 'pack'))
    .filter((name) => name.endsWith('.pack'))
    .map((name) => join(keep, 'objects', 'pack', name));
const kept = (...args: string[]): string => world.user('--git-dir', keep, ...args);
const objectsIn = (mirror: string): number => {
  const counted = world.user('--git-dir', mirror, 'count-objects', '-v');
  return Number(/in-pack: (\d+)/.exec(counted)?.[1]) + Number(/count: (\d+)/.exec(counted)?.[1]);
};

describe('what was fetched once', () => {
  test('does not travel again, and a call with nothing new leaves the keep alone', async () => {
    expect(await ran(call('log'))).toEqual(['init', 'config', 'fetch', 'cp', 'log', 'find', 'mv']);
    const travelled: number[] = [];
    world.before = (command) => {
      if (nameOf(command) === 'log') travelled.push(objectsIn(`${command.cwd}/mirror.git`));
    };
    expect(await ran(call('log'))).toEqual(['init', 'fetch', 'log']);
    expect(world.commands.flatMap(({ mounts }) => mounts).filter(({ path }) => path === keep)).toEqual(
      Array.from({ length: 3 }, () => ({ path: keep, mode: 'ro' })),
    );
    world.commit('More', { other: 'z\n' });
    world.publish();
    expect((await ran(call('log'))).toSorted()).toEqual(
      ['init', 'fetch', 'log', 'bundle', 'fetch', 'repack', 'find'].toSorted(),
    );
    expect(await ran(call('log'))).toEqual(['init', 'fetch', 'log']);
    expect(travelled).toEqual([0, 3, 0]);
    expect(kept('rev-parse', 'refs/carapulse/main')).toBe(world.tip());
    kept('fsck', '--strict');
  });

  test('costs these commands and no more', async () => {
    await call('log');
    const { forward } = (await call('revert_preview', { commit: bad, date: DATE })) as unknown as Extract<
      RevertPreview,
      { kind: 'revertible' }
    >;
    const count = async (work: Promise<unknown>): Promise<number> => (await ran(work)).length;
    expect({
      log: await count(call('log')),
      logOfPaths: await count(call('log', { paths: ['conf'] })),
      show: await count(call('show', { revision: bad })),
      diff: await count(call('diff', { from: first, to: last })),
      resolve: await count(call('resolve')),
      preview: await count(call('revert_preview', { commit: bad, date: DATE })),
      observe: await count(world.session('revert', forward).observe()),
      revert: await count(world.session('revert', forward).run()),
    }).toEqual({
      log: 3,
      logOfPaths: 4,
      show: 4,
      diff: 5,
      resolve: 3,
      preview: 11,
      observe: 3,
      revert: 11,
    });
  });

  test('is one pack however often something new comes', async () => {
    for (let round = 0; round < 12; round += 1) {
      world.commit(`Round ${round}`, { other: `${round}\n` });
      world.publish();
      await call('log');
    }
    expect(packs().length).toBeLessThan(6);
    expect(await answers()).toHaveLength(7);
    kept('fsck', '--strict');
  });

  test('is written by commands that see neither the origin nor a network, and by no other', async () => {
    await call('log');
    world.commit('More', { other: 'z\n' });
    world.publish();
    const preview = await call('revert_preview', { commit: bad, date: DATE });
    await world.session('revert', (preview as { forward: JsonObject }).forward).run();
    const writing = world.commands.filter(({ mounts }) =>
      mounts.some(({ path, mode }) => path.startsWith(world.cache) && mode === 'rw'),
    );
    const names = ['cp', 'find', 'mv', 'fetch', 'repack'];
    expect([...new Set(writing.map(nameOf))].toSorted()).toEqual(names.toSorted());
    for (const { mounts, egress } of writing) {
      expect(egress).toEqual([]);
      expect(mounts.map(({ path }) => path)).not.toContain(world.origin);
    }
  });
});

describe('an answer never depends on what is kept', () => {
  const forgotten = async (): Promise<string> => {
    world.work('checkout', '--quiet', '-b', 'release', first);
    const id = world.commit('Only on release', { third: 'z\n' });
    world.publish();
    await call('log', { branch: 'release' });
    world.work('checkout', '--quiet', 'main');
    return id;
  };

  test('a commit of another branch is not on this one', async () => {
    const other = await forgotten();
    for (const revision of [other, other.slice(0, 10)]) {
      expect(await codeOf(call('show', { revision }))).toBe('not_found revision_unknown');
      expect(await codeOf(call('log', { revision }))).toBe('not_found revision_unknown');
      expect(await codeOf(call('diff', { from: first, to: revision }))).toBe('not_found revision_unknown');
    }
    expect(await codeOf(call('revert_preview', { commit: other, date: DATE }))).toBe(
      'not_found revision_unknown',
    );
    expect(await call('show', { revision: other, branch: 'release' })).toMatchObject({ revision: other });
    expect(kept('cat-file', '-t', other)).toBe('commit');
  });

  test('a commit that was pushed away is gone', async () => {
    await call('log');
    world.work('reset', '--quiet', '--hard', first);
    world.publish();
    expect(await codeOf(call('show', { revision: bad }))).toBe('not_found revision_unknown');
    expect(await call('log')).toMatchObject({ revision: first, truncated: false });
    expect(await call('show', { revision: first.slice(0, 7) })).toMatchObject({ revision: first });
  });

  test('an abbreviation means the commit of this branch, whatever else begins like it', async () => {
    const tree = world.work('rev-parse', 'HEAD^{tree}');
    const seen = new Map<string, string>();
    let pair: readonly string[] = [];
    for (let n = 0; pair.length === 0; n += 1) {
      const text = `tree ${tree}\nparent ${last}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\n${n}\n`;
      const id = createHash('sha1').update(`commit ${text.length}\0${text}`).digest('hex').slice(0, 7);
      const twin = seen.get(id);
      if (twin !== undefined) pair = [twin, text];
      seen.set(id, text);
    }
    const [one = '', two = ''] = pair.map((text) =>
      world.userWith(text, '-C', join(world.root, 'work'), 'hash-object', '-t', 'commit', '-w', '--stdin'),
    );
    expect(one.slice(0, 7)).toBe(two.slice(0, 7));
    const ofBranch = async (branch: string): Promise<unknown> => {
      const shown = await call('show', { branch, revision: one.slice(0, 7) });
      return (shown as JsonObject)['revision'];
    };
    world.work('branch', 'release', one);
    world.work('reset', '--quiet', '--hard', two);
    world.publish();
    expect([await ofBranch('release'), await ofBranch('main')]).toEqual([one, two]);
    expect([await ofBranch('release'), await ofBranch('main')]).toEqual([one, two]);
    world.work('merge', '--quiet', '--no-edit', 'release');
    world.publish();
    expect(await codeOf(ofBranch('main'))).toBe('not_found revision_unknown');
  });

  test('branches whose names lie below one another may follow one another', async () => {
    await call('log');
    for (const branch of ['release', 'release/1']) {
      world.work('checkout', '--quiet', '-b', branch);
      world.commit(branch, { other: `${branch}\n` });
      world.publish();
      await call('log', { branch });
      expect(await ran(call('log', { branch }))).toEqual(['init', 'fetch', 'log']);
      world.work('checkout', '--quiet', 'main');
      world.work('branch', '--quiet', '-D', branch);
      world.user('--git-dir', world.origin, 'branch', '--quiet', '-D', branch);
    }
  });
});

describe('a keep that is no good', () => {
  const cut = (path: string, share: number): void => {
    chmodSync(path, 0o600);
    truncateSync(path, Math.floor(readFileSync(path).length * share));
  };
  const overwrite = (path: string, from: number): void => {
    const bytes = readFileSync(path);
    chmodSync(path, 0o600);
    writeFileSync(path, bytes.fill(0xff, Math.floor(bytes.length * from), bytes.length - 30));
  };
  const pack = (): string => packs()[0] ?? '';
  const damages: ReadonlyArray<readonly [string, () => void]> = [
    ['its pack gone', () => rmSync(pack())],
    ['its pack cut off', () => cut(pack(), 0.5)],
    ['its pack emptied', () => cut(pack(), 0)],
    ['its pack overwritten', () => overwrite(pack(), 0.1)],
    ['the end of its pack overwritten', () => overwrite(pack(), 0.7)],
    ['its index gone', () => rmSync(pack().replace(/pack$/, 'idx'))],
    ['its index cut off', () => cut(pack().replace(/pack$/, 'idx'), 0.5)],
    ['all objects gone', () => rmSync(join(keep, 'objects'), { recursive: true })],
    ['its refs empty', () => writeFileSync(join(keep, 'refs', 'carapulse', 'main'), '')],
    ['its HEAD gone', () => rmSync(join(keep, 'HEAD'))],
    ['its configuration garbage', () => writeFileSync(join(keep, 'config'), '[core\n\0')],
    ['its global configuration garbage', () => writeFileSync(join(keep, 'gitconfig'), '[core\n\0')],
    [
      'nothing in it',
      () => {
        rmSync(keep, { recursive: true });
        mkdirSync(keep);
      },
    ],
    [
      'a file in its place',
      () => {
        rmSync(keep, { recursive: true });
        writeFileSync(keep, 'x');
      },
    ],
  ];

  test.each(damages)(
    '%s: every question is answered as ever, and there is a good one soon',
    async (_, damage) => {
      const truth = await answers();
      damage();
      expect(await answers()).toEqual(truth);
      world.commit('More', { other: 'z\n' });
      world.publish();
      await call('log');
      await call('log');
      expect(await ran(call('log'))).toEqual(['init', 'fetch', 'log']);
      kept('fsck', '--strict');
    },
  );

  test.each(['log', 'show', 'revert_preview'])('taken away in the middle of %s', async (action) => {
    const input = action === 'log' ? {} : action === 'show' ? { revision: bad } : { commit: bad, date: DATE };
    const truth = await call(action, input);
    world.before = (command) => {
      if (nameOf(command) === 'fetch') rmSync(keep, { recursive: true, force: true });
    };
    expect(await call(action, input)).toEqual(truth);
    world.before = (command) => {
      if (nameOf(command) === 'log') rmSync(world.cache, { recursive: true, force: true });
    };
    expect(await call(action, input)).toEqual(truth);
  });

  test('damage to what an apply needs is no conflict between commits', async () => {
    const truth = await call('revert_preview', { commit: bad, date: DATE });
    world.before = (command) => {
      if (nameOf(command) === 'apply' && command.env['GIT_ALTERNATE_OBJECT_DIRECTORIES'] !== undefined)
        rmSync(pack());
    };
    expect(await call('revert_preview', { commit: bad, date: DATE })).toEqual(truth);
  });

  test('a revert that was pushed is seen through it', async () => {
    const preview = await call('revert_preview', { commit: bad, date: DATE });
    const { forward } = preview as { forward: JsonObject };
    await world.session('revert', forward).run();
    world.work('pull', '--quiet', world.origin, 'main');
    world.commit('Later', { other: 'later\n' });
    world.publish();
    await call('log');
    for (const name of packs()) rmSync(name);
    expect(await world.session('revert', forward).observe()).toBe('done');
  });

  test('a push that the origin refuses is not tried again', async () => {
    const preview = await call('revert_preview', { commit: bad, date: DATE });
    mkdirSync(join(world.origin, 'hooks'), { recursive: true });
    writeFileSync(join(world.origin, 'hooks', 'pre-receive'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    const { forward } = preview as { forward: JsonObject };
    const names = await ran(codeOf(world.session('revert', forward).run()));
    expect(names.filter((name) => name === 'push')).toHaveLength(1);
    expect(await codeOf(world.session('revert', forward).run())).toBe('tool_failed push_failed');
  });

  test('an origin that is away is not the keep’s fault', async () => {
    await call('log');
    cpSync(world.origin, `${world.origin}.away`, { recursive: true });
    rmSync(world.origin, { recursive: true });
    expect(await codeOf(call('log'))).toBe('unavailable fetch_failed');
    cpSync(`${world.origin}.away`, world.origin, { recursive: true });
    expect(await ran(call('log'))).toEqual(['init', 'fetch', 'log']);
    expect(readdirSync(world.cache)).toEqual(['shop.git']);
  });
});

describe('keeping is best effort', () => {
  let news: () => void;
  beforeEach(() => {
    let count = 0;
    news = () => {
      count += 1;
      world.commit(`More ${count}`, { other: `${count}\n` });
      world.publish();
    };
  });
  const caching = ({ mounts }: CommandSpec): boolean =>
    mounts.some(({ path, mode }) => path.startsWith(world.cache) && mode === 'rw');

  test('a disk that is full fails no call, neither at first nor later', async () => {
    world.before = (command) => (caching(command) ? FAILED : undefined);
    const truth = await call('log');
    expect(await call('log')).toEqual(truth);
    world.before = () => undefined;
    await call('log');
    news();
    world.before = (command) => (caching(command) || nameOf(command) === 'bundle' ? FAILED : undefined);
    expect(await call('log')).toMatchObject({ revision: world.tip() });
    world.before = () => undefined;
    expect(await call('log')).toMatchObject({ revision: world.tip() });
    expect(await ran(call('log'))).toEqual(['init', 'fetch', 'log']);
  });

  test('a lock that a killed call left is in nobody’s way, and goes when it is old', async () => {
    await call('log');
    const lock = join(keep, 'refs', 'carapulse', 'main.lock');
    const half = join(world.cache, 'shop.git+new-x');
    const torn = ['tmp_pack_x', '.tmp-1-pack-x', 'pack-x.keep'].map((name) =>
      join(keep, 'objects', 'pack', name),
    );
    const left = [lock, join(half, 'HEAD'), ...torn];
    mkdirSync(half);
    for (const path of left) writeFileSync(path, '');
    news();
    expect(await call('log')).toMatchObject({ revision: world.tip() });
    expect(left.filter((path) => !existsSync(path))).toEqual([]);
    const old = new Date(Date.now() - 7_200_000);
    for (const path of [...left, half]) utimesSync(path, old, old);
    news();
    await call('log');
    expect(left.filter((path) => existsSync(path))).toEqual([]);
    news();
    await call('log');
    expect(kept('rev-parse', 'refs/carapulse/main')).toBe(world.tip());
  });

  test.each(['before', 'after'] as const)(
    'killed %s any of its commands, at first or with something new, the next call works',
    async (when) => {
      for (const prepared of [false, true]) {
        for (let at = 0; ; at += 1) {
          rmSync(world.cache, { recursive: true });
          mkdirSync(world.cache);
          if (prepared) {
            await call('log');
            news();
          }
          let left = at;
          world.around = async (_, run) => {
            left -= 1;
            if (left < -1 || (left === -1 && when === 'before')) throw new Error('killed');
            const result = await run();
            if (left <= -1) throw new Error('killed');
            return result;
          };
          await call('log').catch(() => undefined);
          world.around = (_, run) => run();
          expect(await call('log')).toMatchObject({ revision: world.tip() });
          expect(await call('show', { revision: bad })).toMatchObject({ revision: bad });
          kept('fsck', '--strict');
          if (left >= 0) break;
        }
      }
    },
  );

  test('calls at once agree, and leave one keep that is whole', async () => {
    const together = (): Promise<JsonValue[]> =>
      Promise.all([call('log'), call('log'), call('show', { revision: bad }), call('log', { limit: 1 })]);
    const [one, two] = await together();
    expect(two).toEqual(one);
    news();
    const [three] = await together();
    expect(three).toMatchObject({ revision: world.tip() });
    expect(readdirSync(world.cache)).toEqual(['shop.git']);
    kept('fsck', '--strict');
    await call('log');
    expect(await ran(call('log'))).toEqual(['init', 'fetch', 'log']);
  });
});

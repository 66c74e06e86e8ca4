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
import { GitWorld, nameOf, reasonOf } from './git-world.testing.ts';

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
let call: GitWorld['call'];

beforeEach(() => {
  world = new GitWorld();
  call = world.call.bind(world);
  keep = join(world.cache, 'shop.git');
  const text = Array.from({ length: 200 }, (_, line) => `setting ${line}`).join('\n');
  first = world.commit('Start', { conf: `${text}\ntimeout=5\n`, other: 'x\n' });
  bad = world.commit('Lower the time-out', { conf: `${text}\ntimeout=0\n` });
  world.commit('Innocent', { other: 'y\n' });
  world.publish();
});
afterEach(() => {
  world.remove();
});

const kept = (...args: string[]): string => world.user('--git-dir', keep, ...args);
const packs = (): string[] =>
  readdirSync(join(keep, 'objects', 'pack'))
    .filter((name) => name.endsWith('.pack'))
    .map((name) => join(keep, 'objects', 'pack', name));

/** Every kind of question, asked one after the other. */
async function answers(): Promise<unknown[]> {
  return [
    await call('log', { paths: ['conf'] }),
    await call('show', { revision: bad }),
    await call('show', { revision: bad.slice(0, 9) }),
    await call('diff', { from: first, to: 'main' }),
    await call('resolve'),
    await call('revert_preview', { commit: bad, date: DATE }),
    await reasonOf(call('show', { revision: 'f'.repeat(40) })),
  ];
}

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
      expect(await world.ran(() => call('log'))).toEqual(['fetch', 'log']);
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
    world.commit('The same file', { conf: readFileSync(join(world.root, 'work', 'conf'), 'utf8').slice(10) });
    world.publish();
    const truth = await call('revert_preview', { commit: bad, date: DATE });
    expect(truth).toMatchObject({ kind: 'revertible' });
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
    world.before = (command) => {
      if (nameOf(command) === 'merge-base')
        rmSync(join(keep, 'objects', 'pack'), { recursive: true, force: true });
    };
    expect(await world.session('revert', forward).observe()).toBe('done');
    expect(existsSync(`${keep}+aside`)).toBe(true);
  });

  test('is made anew when git complains of it, though nothing that was asked for fails', async () => {
    await call('log');
    writeFileSync(join(keep, 'objects', 'pack', `pack-${'1'.repeat(40)}.pack`), 'x');
    writeFileSync(join(keep, 'objects', 'pack', `pack-${'1'.repeat(40)}.idx`), 'x');
    expect(await call('show', { revision: bad.slice(0, 9) })).toMatchObject({ revision: bad });
    expect(existsSync(`${keep}+aside`)).toBe(true);
    expect(packs()).toHaveLength(1);
  });

  test('a push that the origin refuses is not tried again', async () => {
    const preview = await call('revert_preview', { commit: bad, date: DATE });
    mkdirSync(join(world.origin, 'hooks'), { recursive: true });
    writeFileSync(join(world.origin, 'hooks', 'pre-receive'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    const { forward } = preview as { forward: JsonObject };
    const names = await world.ran(() => reasonOf(world.session('revert', forward).run()));
    expect(names.filter((name) => name === 'push')).toHaveLength(1);
    expect(await reasonOf(world.session('revert', forward).run())).toBe('tool_failed push_failed');
  });

  test('an origin that is away is not the keep’s fault', async () => {
    await call('log');
    cpSync(world.origin, `${world.origin}.away`, { recursive: true });
    rmSync(world.origin, { recursive: true });
    expect(await reasonOf(call('log'))).toBe('unavailable fetch_failed');
    cpSync(`${world.origin}.away`, world.origin, { recursive: true });
    expect(await world.ran(() => call('log'))).toEqual(['fetch', 'log']);
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
    expect(await world.ran(() => call('log'))).toEqual(['fetch', 'log']);
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
    expect(await world.ran(() => call('log'))).toEqual(['fetch', 'log']);
  });
});

import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '@carapulse/kernel';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { GitWorld, nameOf, reasonOf } from './git-world.testing.ts';
import type { RevertPreview } from './index.ts';

const DATE = '2026-01-10T12:00:00.000Z';
let world: GitWorld;
let keep: string;
let first: string;
let bad: string;
let last: string;
let call: GitWorld['call'];

beforeEach(() => {
  world = new GitWorld();
  call = world.call.bind(world);
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

const kept = (...args: string[]): string => world.user('--git-dir', keep, ...args);
const packs = (): string[] =>
  readdirSync(join(keep, 'objects', 'pack'))
    .filter((name) => name.endsWith('.pack'))
    .map((name) => join(keep, 'objects', 'pack', name));
const objectsIn = (mirror: string): number => {
  const counted = world.user('--git-dir', mirror, 'count-objects', '-v');
  return Number(/in-pack: (\d+)/.exec(counted)?.[1]) + Number(/count: (\d+)/.exec(counted)?.[1]);
};

describe('what was fetched once', () => {
  test('does not travel again, and a call with nothing new leaves the keep alone', async () => {
    expect(await world.ran(() => call('log'))).toEqual([
      'init',
      'config',
      'fetch',
      'cp',
      'log',
      'find',
      'mv',
    ]);
    const travelled: number[] = [];
    world.before = (command) => {
      if (nameOf(command) === 'log') travelled.push(objectsIn(`${command.cwd}/mirror.git`));
    };
    expect(await world.ran(() => call('log'))).toEqual(['fetch', 'log']);
    expect(world.commands.flatMap(({ mounts }) => mounts).filter(({ path }) => path === keep)).toEqual(
      Array.from({ length: 2 }, () => ({ path: keep, mode: 'ro' })),
    );
    world.commit('More', { other: 'z\n' });
    world.publish();
    expect((await world.ran(() => call('log'))).toSorted()).toEqual(
      ['fetch', 'log', 'bundle', 'fetch', 'repack', 'find'].toSorted(),
    );
    expect(await world.ran(() => call('log'))).toEqual(['fetch', 'log']);
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
    const count = async (work: () => Promise<unknown>): Promise<number> => (await world.ran(work)).length;
    expect({
      log: await count(() => call('log')),
      logOfPaths: await count(() => call('log', { paths: ['conf'] })),
      show: await count(() => call('show', { revision: bad })),
      diff: await count(() => call('diff', { from: first, to: last })),
      resolve: await count(() => call('resolve')),
      preview: await count(() => call('revert_preview', { commit: bad, date: DATE })),
      observe: await count(() => world.session('revert', forward).observe()),
      revert: await count(() => world.session('revert', forward).run()),
    }).toEqual({
      log: 2,
      logOfPaths: 3,
      show: 3,
      diff: 4,
      resolve: 2,
      preview: 8,
      observe: 2,
      revert: 8,
    });
  });

  test('costs least where the last commit is taken back, as after most bad deployments', async () => {
    await call('log');
    const preview = await call('revert_preview', { commit: last, date: DATE });
    const { forward } = preview as { forward: JsonObject };
    expect(await world.ran(() => world.session('revert', forward).run())).toEqual([
      'fetch',
      'log',
      'diff-tree',
      'commit-tree',
      'push',
    ]);
    expect(world.tip('main^{tree}')).toBe(world.work('rev-parse', `${bad}^{tree}`));
  });

  test('is one pack however often something new comes', async () => {
    for (let round = 0; round < 12; round += 1) {
      world.commit(`Round ${round}`, { other: `${round}\n` });
      world.publish();
      await call('log');
    }
    expect(packs().length).toBeLessThan(6);
    expect(await call('show', { revision: bad })).toMatchObject({ revision: bad });
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
      expect(await reasonOf(call('show', { revision }))).toBe('not_found revision_unknown');
      expect(await reasonOf(call('log', { revision }))).toBe('not_found revision_unknown');
      expect(await reasonOf(call('diff', { from: first, to: revision }))).toBe('not_found revision_unknown');
    }
    expect(await reasonOf(call('revert_preview', { commit: other, date: DATE }))).toBe(
      'not_found revision_unknown',
    );
    expect(await call('show', { revision: other, branch: 'release' })).toMatchObject({ revision: other });
    expect(kept('cat-file', '-t', other)).toBe('commit');
  });

  test('a commit that was pushed away is gone', async () => {
    await call('log');
    world.work('reset', '--quiet', '--hard', first);
    world.publish();
    expect(await reasonOf(call('show', { revision: bad }))).toBe('not_found revision_unknown');
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
    expect(await reasonOf(ofBranch('main'))).toBe('not_found revision_unknown');
  });

  test('branches whose names lie below one another may follow one another', async () => {
    await call('log');
    for (const branch of ['release', 'release/1']) {
      world.work('checkout', '--quiet', '-b', branch);
      world.commit(branch, { other: `${branch}\n` });
      world.publish();
      await call('log', { branch });
      expect(await world.ran(() => call('log', { branch }))).toEqual(['fetch', 'log']);
      world.work('checkout', '--quiet', 'main');
      world.work('branch', '--quiet', '-D', branch);
      world.user('--git-dir', world.origin, 'branch', '--quiet', '-D', branch);
    }
    expect(kept('for-each-ref', '--format=%(refname:lstrip=2)').split('\n')).toEqual([
      'main',
      'release',
      'release+1',
    ]);
  });
});

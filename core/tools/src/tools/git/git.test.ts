import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject, JsonValue } from '@carapulse/kernel';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ToolSession } from '../../tool-session.ts';
import { DATE, GitWorld, reasonOf } from './git-world.testing.ts';
import type { RevertInput } from './index.ts';

let world: GitWorld;
let root: string;

beforeEach(() => {
  world = new GitWorld();
  root = world.root;
});
afterEach(() => {
  world.remove();
});

const user = (...args: string[]): string => world.user(...args);
const work = (...args: string[]): string => world.work(...args);
const commit = (subject: string, files: Readonly<Record<string, string | Buffer>>): string =>
  world.commit(subject, files);
const publish = (): string => world.publish();
const tip = (branch?: string): string => world.tip(branch);
const session = (action: string, input: JsonObject): ToolSession => world.session(action, input);

const preview = (commitId: string) => world.preview(commitId);

const lines = (...changed: string[]): string =>
  ['one', 'two', 'three', 'four', 'five', ...changed, ''].join('\n');

describe('reverting', () => {
  let bad: string;
  let base: string;
  beforeEach(() => {
    commit('Start', { 'service.conf': lines('timeout=5'), 'other.txt': 'x\n' });
    bad = commit('Lower the time-out', { 'service.conf': lines('timeout=0') });
    base = commit('Innocent', { 'other.txt': 'y\n' });
    publish();
  });

  test('pushes exactly the commit that the preview announced, byte for byte the planned tree', async () => {
    const plan = await preview(bad);
    expect(tip()).toBe(base);
    expect(plan).toMatchObject({
      base_revision: base,
      paths: ['service.conf'],
      files_changed: 1,
      lines_changed: 2,
    });
    expect(plan.diff).toContain('+timeout=5');
    const output = await session('revert', plan.forward).run();
    expect(output).toMatchObject({ revision: plan.expected_commit, tree: plan.expected_tree });
    expect(tip()).toBe(plan.expected_commit);
    const show = (path: string): string =>
      user('--git-dir', join(root, 'origin.git'), 'show', `main:${path}`);
    expect([show('service.conf'), show('other.txt')]).toEqual([lines('timeout=5').trim(), 'y']);
  });

  test('its undo is known beforehand and restores the tree of before', async () => {
    const plan = await preview(bad);
    await session('revert', plan.forward).run();
    await session('revert', plan.undo).run();
    expect(tip()).toBe(plan.undo.expected_commit);
    expect(tip('main^{tree}')).toBe(plan.base_tree);
    expect(await session('revert', plan.forward).observe()).toBe('done');
  });

  test('the same preview gives the same ids, another date gives others', async () => {
    const [first, second] = [await preview(bad), await preview(bad)];
    expect(second).toEqual(first);
    const later = await session('revert_preview', {
      repository: 'shop',
      commit: bad,
      date: '2026-01-10T12:00:01.000Z',
    }).run();
    expect((later as unknown as typeof first).expected_commit).not.toBe(first.expected_commit);
  });

  test('is observed: not done, done, done below later commits, and not pushed twice', async () => {
    const { forward } = await preview(bad);
    expect(await session('revert', forward).observe()).toBe('not_done');
    await session('revert', forward).run();
    expect(await session('revert', forward).observe()).toBe('done');
    work('pull', '--quiet', join(root, 'origin.git'), 'main');
    const later = commit('Later', { 'other.txt': 'z\n' });
    work('push', '--quiet', join(root, 'origin.git'), 'main');
    expect(await session('revert', forward).observe()).toBe('done');
    await session('revert', forward).run();
    expect(tip()).toBe(later);
    expect(await session('revert', forward).readBack()).toMatchObject({ revision: forward.expected_commit });
  });

  test('pushes nothing when the branch has moved', async () => {
    const { forward } = await preview(bad);
    const moved = commit('Somebody else', { 'other.txt': 'z\n' });
    work('push', '--quiet', join(root, 'origin.git'), 'main');
    expect(await reasonOf(session('revert', forward).run())).toBe('plan_stale base_moved');
    expect(await session('revert', forward).observe()).toBe('not_done');
    expect(tip()).toBe(moved);
  });

  test('pushes nothing when the branch moves between the last look and the push', async () => {
    const { forward } = await preview(bad);
    let moved = '';
    world.before = (command) => {
      if (!command.argv.includes('push')) return;
      moved = commit('Just in time', { 'other.txt': 'z\n' });
      work('push', '--quiet', join(root, 'origin.git'), 'main');
    };
    expect(await reasonOf(session('revert', forward).run())).toBe('plan_stale base_moved');
    expect(tip()).toBe(moved);
  });

  test.each([
    ['tree', { expected_tree: 'a'.repeat(40) }, 'plan_stale tree_differs'],
    ['commit', { expected_commit: 'b'.repeat(40) }, 'plan_stale commit_differs'],
    ['message', { message: 'Something else' }, 'plan_stale commit_differs'],
    ['files', { paths: ['other.txt'] }, 'plan_stale changes_differ'],
    ['number of lines', { lines_changed: 1 }, 'plan_stale changes_differ'],
  ] as ReadonlyArray<readonly [string, Partial<RevertInput>, string]>)(
    'pushes nothing when the %s is not what was planned',
    async (_what, change, reason) => {
      const { forward } = await preview(bad);
      expect(await reasonOf(session('revert', { ...forward, ...change }).run())).toBe(reason);
      expect(tip()).toBe(base);
    },
  );

  test('gives the repository itself to one command only for writing, and no network to any', async () => {
    const { forward } = await preview(bad);
    world.commands = [];
    await session('revert', forward).run();
    const writable = world.commands.filter((command) =>
      command.mounts.some((mount) => mount.mode === 'rw' && mount.path.endsWith('origin.git')),
    );
    expect(writable.map((command) => command.argv.includes('push'))).toEqual([true]);
    expect(world.commands.flatMap((command) => command.egress)).toEqual([]);
  });

  test('a repository’s own hooks of ours never run', async () => {
    const plan = await preview(bad);
    world.before = (command) => {
      const hooks = join(command.argv[command.argv.indexOf('--git-dir') + 1] ?? '', 'hooks');
      if (!command.argv.includes('push')) return;
      mkdirSync(hooks, { recursive: true });
      writeFileSync(join(hooks, 'pre-push'), `#!/bin/sh\ntouch '${join(root, 'escaped')}'\n`, {
        mode: 0o755,
      });
    };
    await session('revert', plan.forward).run();
    expect(() => user('hash-object', join(root, 'escaped'))).toThrow(/escaped/);
  });
});

describe('a commit that cannot be reverted is refused with its reason', () => {
  const refusal = async (id: string): Promise<JsonValue> => {
    const found = await session('revert_preview', { repository: 'shop', commit: id, date: DATE }).run();
    return (found as JsonObject)['reason'] ?? 'revertible';
  };

  test('root, merge, conflict, already reverted, binary', async () => {
    const first = commit('Start', { a: '1\n', b: '1\n' });
    const overwritten = commit('Two', { a: '2\n' });
    commit('Three', { a: '3\n' });
    const taken = commit('Word', { b: 'word\n' });
    commit('Back', { b: '1\n' });
    const binary = commit('Picture', { picture: Buffer.from([0, 1, 2, 255, 254]) });
    work('checkout', '--quiet', '-b', 'side', first);
    commit('Side', { c: 'c\n' });
    work('checkout', '--quiet', 'main');
    work('merge', '--quiet', '--no-ff', '--no-edit', 'side');
    const merge = work('rev-parse', 'HEAD');
    publish();
    expect(await refusal(first)).toBe('root_commit');
    expect(await refusal(merge)).toBe('merge_commit');
    expect(await refusal(overwritten)).toBe('conflict');
    expect(await refusal(taken)).toBe('nothing_to_revert');
    expect(await refusal(binary)).toBe('binary_file');
  });

  test('bytes that are no UTF-8 and odd names survive a revert', async () => {
    const text = Buffer.from('caf\xe9\nline\n', 'latin1');
    const name = 'dir with space/ünï"code\ttab';
    commit('Start', { [name]: text });
    const bad = commit('Change', { [name]: Buffer.concat([text, Buffer.from([0xe8, 10])]) });
    publish();
    const plan = await preview(bad);
    await session('revert', plan.forward).run();
    expect(plan.paths).toEqual([name]);
    expect(tip('main^{tree}')).toBe(work('rev-parse', 'HEAD~1^{tree}'));
  });
});

describe('reading', () => {
  test('log, commits_touching, show, diff and resolve give typed answers', async () => {
    const first = commit('Start\n\nwith a body', { 'a.txt': 'a\n' });
    const second = commit('Change b; $(touch x) `y`', { 'b.txt': 'b\n' });
    publish();
    const log = (await session('log', {
      repository: 'shop',
      revision: 'main',
      limit: 1,
    }).run()) as JsonObject;
    expect(log).toMatchObject({
      revision: second,
      truncated: true,
      commits: [{ revision: second, parents: [first] }],
    });
    expect(await session('commits_touching', { repository: 'shop', path: 'a.txt' }).run()).toMatchObject({
      commits: [{ revision: first, subject: 'Start', author: 'Dev', author_email: 'dev@example.test' }],
      truncated: false,
    });
    expect(await session('show', { repository: 'shop', revision: second.slice(0, 12) }).run()).toMatchObject({
      revision: second,
      subject: 'Change b; $(touch x) `y`',
      files: [{ path: 'b.txt', added: 1, deleted: 0 }],
      files_changed: 1,
    });
    expect(await session('show', { repository: 'shop', revision: first }).run()).toMatchObject({
      parents: [],
      files: [{ path: 'a.txt', added: 1, deleted: 0 }],
    });
    expect(await session('diff', { repository: 'shop', from: first, to: 'main' }).run()).toMatchObject({
      from: first,
      to: second,
      diff: expect.stringContaining('+b'),
    });
    expect(await session('resolve', { repository: 'shop' }).run()).toEqual({
      repository: 'shop',
      branch: 'main',
      revision: second,
      tree: work('rev-parse', 'HEAD^{tree}'),
    });
  });

  test('what is not there or not listed is said by name', async () => {
    commit('Start', { 'a.txt': 'a\n' });
    work('branch', 'secret');
    publish();
    const reason = (action: string, input: JsonObject): Promise<unknown> =>
      reasonOf(session(action, input).run());
    expect(await reason('resolve', { repository: 'shop', branch: 'secret' })).toBe(
      'forbidden branch_not_listed',
    );
    expect(await reason('resolve', { repository: 'shop', branch: 'release' })).toBe(
      'not_found branch_unknown',
    );
    expect(await reason('show', { repository: 'shop', revision: 'deadbeef' })).toBe(
      'not_found revision_unknown',
    );
    expect(await reason('resolve', { repository: 'other' })).toMatch(/^not_found/);
    rmSync(join(root, 'origin.git'), { recursive: true });
    expect(await reason('resolve', { repository: 'shop' })).toBe('unavailable fetch_failed');
  });
});

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject, JsonValue } from '@carapulse/kernel';
import { beforeEach, describe, expect, test } from 'vitest';
import { DATE, GitLab, reasonOf } from './git-lab.testing.ts';
import type { RevertInput } from './index.ts';

const lab = new GitLab();

const lines = (...changed: string[]): string =>
  ['one', 'two', 'three', 'four', 'five', ...changed, ''].join('\n');

describe('reverting', () => {
  let bad: string;
  let base: string;
  beforeEach(() => {
    lab.commit('Start', { 'service.conf': lines('timeout=5'), 'other.txt': 'x\n' });
    bad = lab.commit('Lower the time-out', { 'service.conf': lines('timeout=0') });
    base = lab.commit('Innocent', { 'other.txt': 'y\n' });
    lab.publish();
  });

  test('pushes exactly the commit that the preview announced, byte for byte the planned tree', async () => {
    const plan = await lab.preview(bad);
    expect(lab.tip()).toBe(base);
    expect(plan).toMatchObject({
      base_revision: base,
      paths: ['service.conf'],
      files_changed: 1,
      lines_changed: 2,
    });
    expect(plan.diff).toContain('+timeout=5');
    const output = await lab.session('revert', plan.forward).run();
    expect(output).toMatchObject({ revision: plan.expected_commit, tree: plan.expected_tree });
    expect(lab.tip()).toBe(plan.expected_commit);
    const show = (path: string): string =>
      lab.user('--git-dir', join(lab.root, 'origin.git'), 'show', `main:${path}`);
    expect([show('service.conf'), show('other.txt')]).toEqual([lines('timeout=5').trim(), 'y']);
  });

  test('its undo is known beforehand and restores the tree of before', async () => {
    const plan = await lab.preview(bad);
    await lab.session('revert', plan.forward).run();
    await lab.session('revert', plan.undo).run();
    expect(lab.tip()).toBe(plan.undo.expected_commit);
    expect(lab.tip('main^{tree}')).toBe(plan.base_tree);
    expect(await lab.session('revert', plan.forward).observe()).toBe('done');
  });

  test('the same preview gives the same ids, another date gives others', async () => {
    const [first, second] = [await lab.preview(bad), await lab.preview(bad)];
    expect(second).toEqual(first);
    const later = await lab
      .session('revert_preview', {
        repository: 'shop',
        commit: bad,
        date: '2026-01-10T12:00:01.000Z',
      })
      .run();
    expect((later as unknown as typeof first).expected_commit).not.toBe(first.expected_commit);
  });

  test('is observed: not done, done, done below later commits, and not pushed twice', async () => {
    const { forward } = await lab.preview(bad);
    expect(await lab.session('revert', forward).observe()).toBe('not_done');
    await lab.session('revert', forward).run();
    expect(await lab.session('revert', forward).observe()).toBe('done');
    lab.work('pull', '--quiet', join(lab.root, 'origin.git'), 'main');
    const later = lab.commit('Later', { 'other.txt': 'z\n' });
    lab.work('push', '--quiet', join(lab.root, 'origin.git'), 'main');
    expect(await lab.session('revert', forward).observe()).toBe('done');
    await lab.session('revert', forward).run();
    expect(lab.tip()).toBe(later);
    expect(await lab.session('revert', forward).readBack()).toMatchObject({
      revision: forward.expected_commit,
    });
  });

  test('pushes nothing when the branch has moved', async () => {
    const { forward } = await lab.preview(bad);
    const moved = lab.commit('Somebody else', { 'other.txt': 'z\n' });
    lab.work('push', '--quiet', join(lab.root, 'origin.git'), 'main');
    expect(await reasonOf(lab.session('revert', forward).run())).toBe('plan_stale base_moved');
    expect(await lab.session('revert', forward).observe()).toBe('not_done');
    expect(lab.tip()).toBe(moved);
  });

  test('pushes nothing when the branch moves between the last look and the push', async () => {
    const { forward } = await lab.preview(bad);
    let moved = '';
    lab.before = (command) => {
      if (!command.argv.includes('push')) return;
      moved = lab.commit('Just in time', { 'other.txt': 'z\n' });
      lab.work('push', '--quiet', join(lab.root, 'origin.git'), 'main');
    };
    expect(await reasonOf(lab.session('revert', forward).run())).toBe('plan_stale base_moved');
    expect(lab.tip()).toBe(moved);
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
      const { forward } = await lab.preview(bad);
      expect(await reasonOf(lab.session('revert', { ...forward, ...change }).run())).toBe(reason);
      expect(lab.tip()).toBe(base);
    },
  );

  test('gives the repository itself to one command only for writing, and no network to any', async () => {
    const { forward } = await lab.preview(bad);
    lab.commands = [];
    await lab.session('revert', forward).run();
    const writable = lab.commands.filter((command) =>
      command.mounts.some((mount) => mount.mode === 'rw' && mount.path.endsWith('origin.git')),
    );
    expect(writable.map((command) => command.argv.includes('push'))).toEqual([true]);
    expect(lab.commands.flatMap((command) => command.egress)).toEqual([]);
  });

  test('a repository’s own hooks of ours never run', async () => {
    const plan = await lab.preview(bad);
    lab.before = (command) => {
      const hooks = join(command.cwd, 'mirror.git', 'hooks');
      if (!command.argv.includes('push')) return;
      mkdirSync(hooks, { recursive: true });
      writeFileSync(join(hooks, 'pre-push'), `#!/bin/sh\ntouch '${join(lab.root, 'escaped')}'\n`, {
        mode: 0o755,
      });
    };
    await lab.session('revert', plan.forward).run();
    expect(() => lab.user('hash-object', join(lab.root, 'escaped'))).toThrow(/escaped/);
  });
});

describe('a commit that cannot be reverted is refused with its reason', () => {
  const refusal = async (id: string): Promise<JsonValue> => {
    const found = await lab.session('revert_preview', { repository: 'shop', commit: id, date: DATE }).run();
    return (found as JsonObject)['reason'] ?? 'revertible';
  };

  test('root, merge, conflict, already reverted, binary', async () => {
    const first = lab.commit('Start', { a: '1\n', b: '1\n' });
    const overwritten = lab.commit('Two', { a: '2\n' });
    lab.commit('Three', { a: '3\n' });
    const taken = lab.commit('Word', { b: 'word\n' });
    lab.commit('Back', { b: '1\n' });
    const binary = lab.commit('Picture', { picture: Buffer.from([0, 1, 2, 255, 254]) });
    lab.work('checkout', '--quiet', '-b', 'side', first);
    lab.commit('Side', { c: 'c\n' });
    lab.work('checkout', '--quiet', 'main');
    lab.work('merge', '--quiet', '--no-ff', '--no-edit', 'side');
    const merge = lab.work('rev-parse', 'HEAD');
    lab.publish();
    expect(await refusal(first)).toBe('root_commit');
    expect(await refusal(merge)).toBe('merge_commit');
    expect(await refusal(overwritten)).toBe('conflict');
    expect(await refusal(taken)).toBe('nothing_to_revert');
    expect(await refusal(binary)).toBe('binary_file');
  });

  test('bytes that are no UTF-8 and odd names survive a revert', async () => {
    const text = Buffer.from('caf\xe9\nline\n', 'latin1');
    const name = 'dir with space/ünï"code\ttab';
    lab.commit('Start', { [name]: text });
    const bad = lab.commit('Change', { [name]: Buffer.concat([text, Buffer.from([0xe8, 10])]) });
    lab.publish();
    const plan = await lab.preview(bad);
    await lab.session('revert', plan.forward).run();
    expect(plan.paths).toEqual([name]);
    expect(lab.tip('main^{tree}')).toBe(lab.work('rev-parse', 'HEAD~1^{tree}'));
  });
});

describe('reading', () => {
  test('log, commits_touching, show, diff and resolve give typed answers', async () => {
    const first = lab.commit('Start\n\nwith a body', { 'a.txt': 'a\n' });
    const second = lab.commit('Change b; $(touch x) `y`', { 'b.txt': 'b\n' });
    lab.publish();
    const log = (await lab
      .session('log', {
        repository: 'shop',
        revision: 'main',
        limit: 1,
      })
      .run()) as JsonObject;
    expect(log).toMatchObject({
      revision: second,
      truncated: true,
      commits: [{ revision: second, parents: [first] }],
    });
    expect(await lab.session('commits_touching', { repository: 'shop', path: 'a.txt' }).run()).toMatchObject({
      commits: [{ revision: first, subject: 'Start', author: 'Dev', author_email: 'dev@example.test' }],
      truncated: false,
    });
    expect(
      await lab.session('show', { repository: 'shop', revision: second.slice(0, 12) }).run(),
    ).toMatchObject({
      revision: second,
      subject: 'Change b; $(touch x) `y`',
      files: [{ path: 'b.txt', added: 1, deleted: 0 }],
      files_changed: 1,
    });
    expect(await lab.session('show', { repository: 'shop', revision: first }).run()).toMatchObject({
      parents: [],
      files: [{ path: 'a.txt', added: 1, deleted: 0 }],
    });
    expect(await lab.session('diff', { repository: 'shop', from: first, to: 'main' }).run()).toMatchObject({
      from: first,
      to: second,
      diff: expect.stringContaining('+b'),
    });
    expect(await lab.session('resolve', { repository: 'shop' }).run()).toEqual({
      repository: 'shop',
      branch: 'main',
      revision: second,
      tree: lab.work('rev-parse', 'HEAD^{tree}'),
    });
  });

  test('what is not there or not listed is said by name', async () => {
    lab.commit('Start', { 'a.txt': 'a\n' });
    lab.work('branch', 'secret');
    lab.publish();
    const reason = (action: string, input: JsonObject): Promise<unknown> =>
      reasonOf(lab.session(action, input).run());
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
    rmSync(join(lab.root, 'origin.git'), { recursive: true });
    expect(await reason('resolve', { repository: 'shop' })).toBe('unavailable fetch_failed');
  });
});

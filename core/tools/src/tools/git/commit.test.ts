import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '@carapulse/kernel';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DATE, GitWorld, reasonOf } from './git-world.testing.ts';
import type { CommitPreview } from './index.ts';

const VALUES = '# ä comment\r\nname: shop\ntag: 1.0.0\n';
const change: JsonObject = { path: 'shop/values.yaml', pointer: '/tag', value: '1.1.0' };
type Committable = Extract<CommitPreview, { kind: 'committable' }>;

let world: GitWorld;
beforeEach(() => {
  world = new GitWorld();
  world.commit('Start', { 'shop/values.yaml': VALUES, 'other.yaml': 'tag: 1.0.0\n', 'README.md': 'x\n' });
  world.publish();
});
afterEach(() => world.remove());

async function previewed(over: JsonObject = {}): Promise<CommitPreview> {
  return (await world.call('commit_preview', { ...change, date: DATE, ...over })) as unknown as CommitPreview;
}
async function preview(over: JsonObject = {}): Promise<Committable> {
  const found = await previewed(over);
  if (found.kind === 'refused') throw new Error(`${found.reason}: ${found.detail}`);
  return found;
}
const shown = (revision: string, path = 'shop/values.yaml') =>
  world.user('--git-dir', world.origin, 'show', `${revision}:${path}`);
/** A commit of somebody else on top of what the origin has. */
function somebody(files: Readonly<Record<string, string>>): string {
  world.work('pull', '--quiet', world.origin, 'main');
  const made = world.commit('Somebody', files);
  world.work('push', '--quiet', world.origin, 'main');
  return made;
}

describe('a commit of one value', () => {
  test('is known before it is made, and changes nothing else', async () => {
    const base = world.tip();
    const found = await preview();
    expect(world.tip()).toBe(base);
    expect(found).toMatchObject({
      from: '1.0.0',
      base_revision: base,
      lines_changed: 2,
      diff: expect.stringMatching(/^-tag: 1\.0\.0$\n^\+tag: 1\.1\.0$/m) as string,
    });
    expect(await preview()).toEqual(found);
    expect(await world.session('commit', found.forward).observe()).toBe('not_done');
    expect(await world.session('commit', found.forward).run()).toMatchObject({
      revision: found.expected_commit,
      tree: found.expected_tree,
      base_revision: base,
    });
    expect(world.tip()).toBe(found.expected_commit);
    expect(shown('main')).toBe(VALUES.replace('1.0.0', '1.1.0').trim());
    expect(world.user('--git-dir', world.origin, 'diff', '--name-only', `${base}..main`)).toBe(
      change['path'],
    );
  });

  test('is pushed once, and seen under whatever came later', async () => {
    const { forward, expected_commit: commit } = await preview();
    await world.session('commit', forward).run();
    await world.session('commit', forward).run();
    expect(world.tip()).toBe(commit);
    const later = somebody({ 'other.yaml': 'tag: 2\n' });
    expect(await world.session('commit', forward).observe()).toBe('done');
    await world.session('commit', forward).run();
    expect(world.tip()).toBe(later);
  });

  test('is undone by the revert that was computed with it, to the very tree', async () => {
    const found = await preview();
    await world.session('commit', found.forward).run();
    await world.session('revert', found.undo).run();
    expect(world.tip()).toBe(found.undo_commit);
    expect(world.user('--git-dir', world.origin, 'rev-parse', 'main^{tree}')).toBe(found.base_tree);
  });

  test('keeps a file executable', async () => {
    world.work('update-index', '--chmod=+x', 'other.yaml');
    world.work('commit', '--quiet', '--message', 'Run it');
    world.publish();
    await world.session('commit', (await preview({ path: 'other.yaml' })).forward).run();
    expect(world.user('--git-dir', world.origin, 'ls-tree', 'main', 'other.yaml')).toContain('100755');
  });

  test.each<[string, Readonly<Record<string, string>>, RegExp]>([
    [
      'its file was touched',
      { 'shop/values.yaml': 'tag: 3\n' },
      /same files were touched later, by commit [0-9a-f]{40}/,
    ],
    ['another was', { 'other.yaml': 'tag: 3\n' }, /none of which touches the same files/],
  ])('stops where the branch moved, and tells whether %s', async (_, files, message) => {
    const { forward } = await preview();
    const moved = somebody(files);
    await expect(world.session('commit', forward).run()).rejects.toMatchObject({
      code: 'plan_stale',
      message: expect.stringMatching(message) as string,
      details: { effect: 'none', reason: 'base_moved' },
    });
    expect(world.tip()).toBe(moved);
  });

  test.each<[string, Readonly<Record<string, string>>, RegExp]>([
    ['its file was touched', { 'shop/values.yaml': 'tag: 3\n' }, /same files were touched later/],
    ['another was', { 'other.yaml': 'tag: 3\n' }, /none of which touches/],
  ])('is not undone where later commits came, and tells whether %s', async (_, files, message) => {
    const { forward, undo } = await preview();
    await world.session('commit', forward).run();
    const moved = somebody(files);
    await expect(world.session('revert', undo).run()).rejects.toMatchObject({
      code: 'plan_stale',
      message: expect.stringMatching(message) as string,
      details: { effect: 'none', reason: 'base_moved' },
    });
    expect(world.tip()).toBe(moved);
  });

  test('stops when the branch moves between the last look and the push', async () => {
    const { forward } = await preview();
    let moved = '';
    world.before = ({ argv }) => {
      if (!argv.includes('push') || moved !== '') return;
      moved = somebody({ 'other.yaml': 'tag: 3\n' });
    };
    expect(await reasonOf(world.session('commit', forward).run())).toBe('plan_stale base_moved');
    expect(world.tip()).toBe(moved);
  });

  test.each<[string, JsonObject, string]>([
    ['another value', { value: '6.6.6' }, 'tree_differs'],
    ['another value of before', { from: '0.9' }, 'changes_differ'],
    ['more lines', { lines_changed: 4 }, 'changes_differ'],
    ['another message', { message: 'Nothing\n' }, 'commit_differs'],
    ['a file that is not there', { path: 'none.yaml' }, 'no_file'],
    ['another place', { pointer: '/none' }, 'pointer_missing'],
  ])('that was tampered with to have %s is not pushed', async (_, over, reason) => {
    const { forward } = await preview();
    expect(await reasonOf(world.session('commit', { ...forward, ...over }).run())).toBe(
      `plan_stale ${reason}`,
    );
    expect(world.tip()).toBe(forward.base_revision);
  });
});

describe('a preview is refused', () => {
  test.each<[string, JsonObject, string]>([
    ['a file that is not there', { path: 'none.yaml' }, 'no_file'],
    ['a directory', { path: 'folder.yaml' }, 'no_file'],
    ['a symbolic link', { path: 'link.yaml' }, 'no_file'],
    ['another spelling of a path', { path: 'shop//values.yaml' }, 'no_file'],
    ['a file that is too large', { path: 'large.yaml' }, 'too_large'],
    ['bytes that are no text', { path: 'bytes.yaml' }, 'not_text'],
    ['the value that is there', { value: '1.0.0' }, 'same_value'],
    ['a place that is not there', { pointer: '/none' }, 'pointer_missing'],
  ])('for %s', async (_, over, reason) => {
    symlinkSync('shop/values.yaml', join(world.root, 'work', 'link.yaml'));
    world.commit('More', {
      'folder.yaml/a.txt': 'x\n',
      'large.yaml': `tag: 1\n${'#'.repeat(262_144)}\n`,
      'bytes.yaml': Buffer.from([0x74, 0x61, 0x67, 0x3a, 0x20, 0xff, 0x0a]),
    });
    world.publish();
    expect(await previewed(over)).toMatchObject({ kind: 'refused', reason });
  });

  test.each<[string, JsonObject, string]>([
    ['a file of another kind', { path: 'README.md' }, 'YAML or JSON'],
    ['a path outside', { path: '../values.yaml' }, 'inside'],
    ['an option', { path: '--values.yaml' }, 'relative'],
    ['the whole file', { pointer: '' }, '>=2'],
    ['no pointer', { pointer: 'tag' }, 'JSON pointer'],
    ['a broken pointer', { pointer: '/a~2' }, 'JSON pointer'],
    ['several lines', { value: 'a\nb' }, 'one line'],
    ['a branch that is not a name', { branch: '-x' }, 'branch name'],
  ])('before anything runs for %s', (_, over, message) => {
    const input = { repository: 'shop', ...change, date: DATE, ...over };
    expect(() => world.session('commit_preview', input)).toThrow(message);
    expect(world.commands).toEqual([]);
  });
});

import type { JsonObject } from '@carapulse/kernel';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DATE, GitWorld, nameOf, reasonOf } from './git-world.testing.ts';
import type { CommitPreview } from './index.ts';

type Committable = Extract<CommitPreview, { kind: 'committable' }>;

let world: GitWorld;
let found: Committable;
let base: string;
beforeEach(async () => {
  world = new GitWorld();
  base = world.commit('Start', { 'shop/values.yaml': 'name: shop\ntag: 1.0.0\n', 'other.yaml': 'a: 1\n' });
  world.publish();
  const change = { path: 'shop/values.yaml', pointer: '/tag', value: '1.1.0', date: DATE };
  found = (await world.call('commit_preview', change)) as unknown as Committable;
});
afterEach(() => world.remove());

const branches = () =>
  world
    .user('--git-dir', world.origin, 'for-each-ref', '--format=%(refname:short) %(objectname)', 'refs/heads')
    .split('\n');
const propose = () => world.session('propose', found.forward);
const withdraw = () =>
  world.session('withdraw', { repository: 'shop', commit: found.expected_commit } satisfies JsonObject);
const state = () => world.call('proposal', { commit: found.expected_commit });
function somebody(branch: string, from = branch): string {
  world.work('fetch', '--quiet', world.origin, from);
  world.work('reset', '--quiet', '--hard', 'FETCH_HEAD');
  const made = world.commit('Somebody', { 'other.yaml': `a: ${branch}\n` });
  world.work('push', '--quiet', '--force', world.origin, `HEAD:refs/heads/${branch}`);
  return made;
}

describe('a proposed commit', () => {
  test('is the very commit that was previewed, on a branch that is named after it; its base stays', async () => {
    const { expected_commit: commit, proposed_branch: branch } = found;
    expect(branch).toBe(`carapulse/${commit.slice(0, 16)}`);
    expect(await propose().observe()).toBe('not_done');
    expect(await state()).toMatchObject({ branch, state: 'absent', revision: null });
    expect(await propose().run()).toEqual({ repository: 'shop', branch, revision: commit });
    expect(branches()).toEqual([`${branch} ${commit}`, `main ${base}`]);
    expect(await propose().observe()).toBe('done');
    expect(await propose().readBack()).toMatchObject({ revision: commit });
    expect(await state()).toMatchObject({ state: 'proposed', revision: commit });
  });

  test('is pushed once, and then gets onto its base as it is', async () => {
    await propose().run();
    expect(await world.ran(() => propose().run())).not.toContain('push');
    await world.session('commit', found.forward).run();
    expect(branches()).toEqual([
      `${found.proposed_branch} ${found.expected_commit}`,
      `main ${found.expected_commit}`,
    ]);
  });

  test('is not made on a base that has moved, nor over a branch of somebody else', async () => {
    const taken = somebody(found.proposed_branch, 'main');
    expect(await propose().observe()).toBe('not_done');
    expect(await reasonOf(propose().run())).toBe('plan_stale branch_taken');
    expect(branches()).toContain(`${found.proposed_branch} ${taken}`);
    world.user('--git-dir', world.origin, 'branch', '--quiet', '-D', found.proposed_branch);
    somebody('main');
    expect(await reasonOf(propose().run())).toBe('plan_stale base_moved');
    expect(branches()).toHaveLength(1);
  });

  test('is not pushed over a branch that appears while it is made', async () => {
    let taken = '';
    world.before = (command) => {
      if (nameOf(command) === 'push' && taken === '') taken = somebody(found.proposed_branch, 'main');
    };
    expect(await reasonOf(propose().run())).toBe('plan_stale base_moved');
    expect(branches()).toContain(`${found.proposed_branch} ${taken}`);
  });

  test('is withdrawn, again and again, as long as nothing was added to it', async () => {
    await propose().run();
    expect(await withdraw().run()).toMatchObject({ branch: found.proposed_branch, deleted: true });
    expect(branches()).toEqual([`main ${base}`]);
    expect(await withdraw().run()).toMatchObject({ deleted: false });
    await propose().run();
    const added = somebody(found.proposed_branch);
    expect(await state()).toMatchObject({ state: 'moved', revision: added });
    expect(await reasonOf(withdraw().run())).toBe('plan_stale branch_moved');
    expect(await world.ran(() => reasonOf(withdraw().run()))).not.toContain('push');
    expect(branches()).toContain(`${found.proposed_branch} ${added}`);
  });

  test.each([
    ['added to', 'plan_stale branch_moved'],
    ['deleted', 'done'],
  ])('that is %s while it is withdrawn ends as %s', async (change, reason) => {
    await propose().run();
    let changed = false;
    world.before = (command) => {
      if (nameOf(command) !== 'push' || changed) return;
      changed = true;
      if (change === 'added to') somebody(found.proposed_branch);
      else world.user('--git-dir', world.origin, 'branch', '--quiet', '-D', found.proposed_branch);
    };
    expect(await reasonOf(withdraw().run())).toBe(reason);
    expect(branches()).toHaveLength(change === 'added to' ? 2 : 1);
  });

  test('that the origin refuses has happened or not, as the origin says', async () => {
    world.before = (command) =>
      nameOf(command) === 'push'
        ? { exitCode: 1, stdout: '', stderr: 'remote: declined', durationMs: 1, stoppedBy: null }
        : undefined;
    expect(await reasonOf(propose().run())).toBe('tool_failed push_failed');
    expect(await propose().observe()).toBe('not_done');
  });

  test('is known by a whole commit id alone', () => {
    for (const commit of ['main', 'abc1234', '../x'])
      expect(() => world.session('withdraw', { repository: 'shop', commit })).toThrow('commit');
  });
});

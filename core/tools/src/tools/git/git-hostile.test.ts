import type { CommandResult, CommandSpec } from '../../sandbox.ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { GitWorld, reasonOf } from './git-world.testing.ts';

let world: GitWorld;
beforeEach(() => {
  world = new GitWorld();
});
afterEach(() => world.remove());
const KILLED: CommandResult = { exitCode: null, stdout: '', stderr: '', durationMs: 1, stoppedBy: null };
const BROKEN: CommandResult = { ...KILLED, exitCode: 128, stderr: 'fatal: Out of memory, malloc failed' };
const runs = (command: CommandSpec, name: string): boolean => command.argv.includes(name);

describe('a git that breaks off', () => {
  let bad: string;
  beforeEach(() => {
    world.commit('Start', { 'service.conf': 'good\n' });
    bad = world.commit('Break it', { 'service.conf': 'bad\n' });
    world.publish();
  });

  test.each([
    ['was killed', KILLED],
    ['failed', BROKEN],
  ])(
    'while it looks for the pushed commit never says that nothing was pushed (it %s)',
    async (_how, answer) => {
      const { forward } = await world.preview(bad);
      await world.session('revert', forward).run();
      world.work('pull', '--quiet', '--ff-only', world.origin, 'main');
      world.commit('On top of it', { 'other.txt': 'x\n' });
      world.publish();
      world.before = (command) => (runs(command, 'merge-base') ? answer : undefined);
      await expect(world.session('revert', forward).observe()).rejects.toMatchObject({ code: 'tool_failed' });
      world.before = () => undefined;
      expect(await world.session('revert', forward).observe()).toBe('done');
    },
  );

  test.each([
    ['was killed', KILLED],
    ['failed', BROKEN],
  ])('while it applies the patch is no conflict (it %s)', async (_how, answer) => {
    const text = Array.from({ length: 20 }, (_, line) => `line ${line}\n`).join('');
    world.commit('More lines', { 'service.conf': text });
    const middle = world.commit('In the middle', { 'service.conf': text.replace('line 9', 'bad') });
    world.commit('At the end', { 'service.conf': `${text.replace('line 9', 'bad')}end\n` });
    world.publish();
    expect(await world.previewed(middle)).toMatchObject({ kind: 'revertible' });
    world.before = (command) => (runs(command, 'apply') ? answer : undefined);
    await expect(world.previewed(middle)).rejects.toMatchObject({ code: 'tool_failed' });
  });
});

describe('between the plan and its run', () => {
  let bad: string;
  beforeEach(() => {
    world.commit('Start', { 'service.conf': 'good\n' });
    bad = world.commit('Break it', { 'service.conf': 'bad\n' });
    world.publish();
  });

  test('a branch rewritten by force is stale, and nothing is pushed', async () => {
    const { forward } = await world.preview(bad);
    world.work('reset', '--quiet', '--hard', 'HEAD~1');
    const rewritten = world.commit('Another history', { 'service.conf': 'other\n' });
    world.publish();
    expect(await reasonOf(world.session('revert', forward).run())).toBe('plan_stale base_moved');
    expect(world.tip()).toBe(rewritten);
  });

  test('a branch that was deleted is named, and is not made anew', async () => {
    const { forward } = await world.preview(bad);
    world.user('--git-dir', 'origin.git', 'update-ref', '-d', 'refs/heads/main');
    expect(await reasonOf(world.session('revert', forward).run())).toBe('not_found branch_unknown');
    expect(() => world.tip()).toThrow('unknown revision');
  });
});

test('a change too long to be shown is refused for a revert; looking at it tells its size', async () => {
  world.commit('Start', { 'data.txt': 'x\n' });
  const vendored = world.commit('Vendor it', { 'data.txt': `${'0123456789'.repeat(10)}\n`.repeat(50_000) });
  world.publish();
  expect(await world.previewed(vendored)).toMatchObject({ kind: 'refused', reason: 'too_long' });
  expect(await world.session('show', { repository: 'shop', revision: vendored }).run()).toMatchObject({
    diff: null,
    diff_truncated: true,
    lines_changed: 50_001,
  });
});

test('names that could move a cursor, end a line or be taken for an option survive a revert as they are', async () => {
  world.commit('Start', { 'a.txt': 'x\n' });
  const names = ['$(touch x)', '--output=x', '-rf', ':(top)x', 'a\nb', 'esc\u{1b}[2J', 'rtl\u{202e}gpj'];
  const bad = world.commit('Odd names', Object.fromEntries(names.map((name) => [name, 'y\n'])));
  world.publish();
  const { forward, paths } = await world.preview(bad);
  expect(paths).toEqual(names);
  await world.session('revert', forward).run();
  expect(world.tip('main^{tree}')).toBe(world.work('rev-parse', 'HEAD~1^{tree}'));
});

test('a submodule that was moved is moved back', async () => {
  world.commit('Start', { 'a.txt': 'x\n' });
  for (const at of ['1', '2']) {
    world.work('update-index', '--add', '--cacheinfo', `160000,${at.repeat(40)},vendor/library`);
    world.work('commit', '--quiet', '--message', `Library at ${at}`);
  }
  const bad = world.work('rev-parse', 'HEAD');
  world.publish();
  const { forward, diff } = await world.preview(bad);
  expect(diff).toContain(`+Subproject commit ${'1'.repeat(40)}`);
  await world.session('revert', forward).run();
  expect(world.tip('main^{tree}')).toBe(world.work('rev-parse', 'HEAD~1^{tree}'));
});

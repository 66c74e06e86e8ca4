import type { CommandResult, CommandSpec } from '../../sandbox.ts';
import { beforeEach, describe, expect, test } from 'vitest';
import { GitLab, reasonOf } from './git-lab.testing.ts';

const lab = new GitLab();
const KILLED: CommandResult = { exitCode: null, stdout: '', stderr: '', durationMs: 1, stoppedBy: null };
const BROKEN: CommandResult = { ...KILLED, exitCode: 128, stderr: 'fatal: Out of memory, malloc failed' };
const runs = (command: CommandSpec, name: string): boolean => command.argv.includes(name);

describe('a git that breaks off', () => {
  let bad: string;
  beforeEach(() => {
    lab.commit('Start', { 'service.conf': 'good\n' });
    bad = lab.commit('Break it', { 'service.conf': 'bad\n' });
    lab.publish();
  });

  test.each([
    ['was killed', KILLED],
    ['failed', BROKEN],
  ])(
    'while it looks for the pushed commit never says that nothing was pushed (it %s)',
    async (_how, answer) => {
      const { forward } = await lab.preview(bad);
      await lab.session('revert', forward).run();
      lab.instead = (command) => (runs(command, 'merge-base') ? answer : null);
      await expect(lab.session('revert', forward).observe()).rejects.toMatchObject({ code: 'tool_failed' });
      lab.instead = () => null;
      expect(await lab.session('revert', forward).observe()).toBe('done');
    },
  );

  test.each([
    ['was killed', KILLED],
    ['failed', BROKEN],
  ])('while it applies the patch is no conflict (it %s)', async (_how, answer) => {
    lab.instead = (command) => (runs(command, 'apply') ? answer : null);
    await expect(lab.previewed(bad)).rejects.toMatchObject({ code: 'tool_failed' });
  });
});

describe('between the plan and its run', () => {
  let bad: string;
  beforeEach(() => {
    lab.commit('Start', { 'service.conf': 'good\n' });
    bad = lab.commit('Break it', { 'service.conf': 'bad\n' });
    lab.publish();
  });

  test('a branch rewritten by force is stale, and nothing is pushed', async () => {
    const { forward } = await lab.preview(bad);
    lab.work('reset', '--quiet', '--hard', 'HEAD~1');
    const rewritten = lab.commit('Another history', { 'service.conf': 'other\n' });
    lab.publish();
    expect(await reasonOf(lab.session('revert', forward).run())).toBe('plan_stale base_moved');
    expect(lab.tip()).toBe(rewritten);
  });

  test('a branch that was deleted is named, and is not made anew', async () => {
    const { forward } = await lab.preview(bad);
    lab.user('--git-dir', 'origin.git', 'update-ref', '-d', 'refs/heads/main');
    expect(await reasonOf(lab.session('revert', forward).run())).toBe('not_found branch_unknown');
    expect(() => lab.tip()).toThrow('unknown revision');
  });
});

test('a change too long to be shown is refused for a revert; looking at it tells its size', async () => {
  lab.commit('Start', { 'data.txt': 'x\n' });
  const vendored = lab.commit('Vendor it', { 'data.txt': `${'0123456789'.repeat(10)}\n`.repeat(50_000) });
  lab.publish();
  expect(await lab.previewed(vendored)).toMatchObject({ kind: 'refused', reason: 'too_long' });
  expect(await lab.session('show', { repository: 'shop', revision: vendored }).run()).toMatchObject({
    diff: null,
    diff_truncated: true,
    lines_changed: 50_001,
  });
});

test('names that could move a cursor, end a line or be taken for an option survive a revert as they are', async () => {
  lab.commit('Start', { 'a.txt': 'x\n' });
  const names = ['$(touch x)', '--output=x', '-rf', ':(top)x', 'a\nb', 'esc\u{1b}[2J', 'rtl\u{202e}gpj'];
  const bad = lab.commit('Odd names', Object.fromEntries(names.map((name) => [name, 'y\n'])));
  lab.publish();
  const { forward, paths } = await lab.preview(bad);
  expect(paths).toEqual(names);
  await lab.session('revert', forward).run();
  expect(lab.tip('main^{tree}')).toBe(lab.work('rev-parse', 'HEAD~1^{tree}'));
});

test('a submodule that was moved is moved back', async () => {
  lab.commit('Start', { 'a.txt': 'x\n' });
  for (const at of ['1', '2']) {
    lab.work('update-index', '--add', '--cacheinfo', `160000,${at.repeat(40)},vendor/library`);
    lab.work('commit', '--quiet', '--message', `Library at ${at}`);
  }
  const bad = lab.work('rev-parse', 'HEAD');
  lab.publish();
  const { forward, diff } = await lab.preview(bad);
  expect(diff).toContain(`+Subproject commit ${'1'.repeat(40)}`);
  await lab.session('revert', forward).run();
  expect(lab.tip('main^{tree}')).toBe(lab.work('rev-parse', 'HEAD~1^{tree}'));
});

import { chmodSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { GitWorld, nameOf } from './git-world.testing.ts';

const TEXT = Array.from({ length: 40 }, (_, line) => `setting ${line}\n`).join('');
let world: GitWorld;
beforeEach(() => {
  world = new GitWorld();
  world.commit('Start', { conf: TEXT, gone: 'x\n', tool: '#!/bin/sh\n', 'dir/a': 'a\n' });
});
afterEach(() => {
  world.remove();
});

const at = (name: string): string => join(world.root, 'work', name);
const ELSEWHERE = (): string => world.commit('Elsewhere', { other: 'y\n' });

/** What is committed, what comes after it, and whether whole files decide what the revert is. */
const cases: ReadonlyArray<readonly [string, () => void, (() => string) | null, boolean]> = [
  ['a change of the last commit', () => {}, null, true],
  ['a change, other files later', () => {}, ELSEWHERE, true],
  [
    'a change, the same file later',
    () => {},
    () => world.commit('Same file', { conf: `${TEXT.replace('setting 5', 'bad')}end\n` }),
    false,
  ],
  [
    'a change, one of its files later',
    () => world.commit('Both', { gone: 'z\n' }),
    () => world.commit('Same file', { gone: 'z\n', conf: `${TEXT.replace('setting 5', 'bad')}end\n` }),
    false,
  ],
  ['a file removed', () => rmSync(at('gone')), ELSEWHERE, true],
  ['a mode', () => chmodSync(at('tool'), 0o755), ELSEWHERE, true],
  [
    'a directory in place of a file',
    () => {
      rmSync(at('gone'));
      world.commit('Directory', { 'gone/inside': 'z\n' });
      world.work('reset', '--quiet', '--soft', 'HEAD~1');
    },
    ELSEWHERE,
    false,
  ],
];

describe('the tree of a revert', () => {
  test.each(cases)('%s: is what git itself makes of it', async (_, prepare, later, whole) => {
    prepare();
    const bad = world.commit('Bad', { conf: TEXT.replace('setting 5', 'bad') });
    later?.();
    world.publish();
    let plan: unknown;
    const names = await world.ran(async () => (plan = await world.preview(bad)));
    expect(names.includes('apply')).toBe(!whole);
    world.work('revert', '--no-edit', bad);
    const tree = world.work('rev-parse', 'HEAD^{tree}');
    expect(plan).toMatchObject({ expected_tree: tree });
    // The patch leads to the same where whole files do.
    world.before = (command) =>
      nameOf(command) === 'read-tree' && command.argv.includes('-m')
        ? { exitCode: 128, stdout: '', stderr: '', durationMs: 1, stoppedBy: null }
        : undefined;
    expect(await world.preview(bad)).toEqual(plan);
  });

  test('a commit that somebody else took back in part is taken back in the rest', async () => {
    const bad = world.commit('Bad', { conf: TEXT.replace('setting 5', 'bad'), tool: 'bad\n' });
    world.commit('By hand', { tool: '#!/bin/sh\n' });
    world.publish();
    expect(await world.preview(bad)).toMatchObject({ paths: ['conf'] });
  });
});

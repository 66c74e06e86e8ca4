import { describe, expect, it } from 'vitest';
import { conventionFaults, placeFaults } from './conventions.ts';
import { repositoryOf, thisRepository } from './repository.ts';

const repository = thisRepository();
const faults = (path: string, text: string) => conventionFaults(repositoryOf({ [path]: text }));

describe('the conventions', () => {
  it('hold in this repository', () => {
    expect(conventionFaults(repository)).toEqual([]);
  });

  it.each([
    ['a file of 401 lines', 'docs/long.md', 'x\n'.repeat(401)],
    ['a magnet folder', 'core/plan/src/utils/x.ts', ''],
    ['a magnet file', 'core/plan/src/helpers.ts', ''],
    ['a name that is not kebab-case', 'core/plan/src/makePlan.ts', ''],
    ['the clock in core', 'core/plan/src/x.ts', 'export const a = Date.now();'],
    ['the date in core', 'core/plan/src/x.ts', 'export const a = new Date();'],
    ['chance in core', 'core/plan/src/x.ts', 'export const a = Math.random();'],
    ['the environment in core', 'core/plan/src/x.ts', `export const a = process.env['A'];`],
    ['the environment in an adapter', 'adapters/a/src/x.ts', 'export const { A } = process.env;'],
    ['an escaped path', 'apps/a/src/x.ts', `export const a = new URL('../x', import.meta.url).pathname;`],
    ['a shell string', 'apps/a/src/x.ts', `import { exec } from 'node:child_process'; exec('ls');`],
    [
      'a shell option',
      'apps/a/src/x.ts',
      `import { spawn } from 'node:child_process'; spawn('ls', { shell: true });`,
    ],
  ])('refuse %s', (_, path, text) => {
    expect(faults(path, text)).toHaveLength(1);
  });

  it.each([
    ['400 lines', 'docs/long.md', 'x\n'.repeat(400)],
    ['a given date', 'core/plan/src/x.ts', 'export const a = new Date(0); // not Date.now()'],
    ['the environment in an app', 'apps/a/src/main.ts', `export const a = process.env['A'];`],
    ['the clock in a test of core', 'core/plan/src/x.test.ts', 'Date.now();'],
    ['a regular expression', 'core/plan/src/x.ts', 'export const a = /x/.exec("x");'],
  ])('allow %s', (_, path, text) => {
    expect(faults(path, text)).toEqual([]);
  });
});

describe('paths of a machine', () => {
  it('are in no file of this repository', () => {
    expect(placeFaults(repository)).toEqual([]);
  });

  it.each([
    ['a checkout', `cd ${['/work', '/main'].join('')}`],
    ['an administrator', `open("${['/root', '/.npmrc'].join('')}")`],
    ['a home directory', ['see /home', '/alice/notes'].join('')],
    ['a document that is not here', ['as PRODUCT', '.md says'].join('')],
  ])('are refused: %s', (_, text) => {
    expect(placeFaults(repositoryOf({ 'docs/x.md': text }))).toHaveLength(1);
  });

  it('are not seen in a path that only contains such a word', () => {
    expect(placeFaults(repositoryOf({ 'docs/x.md': `cwd: '/srv${['/work', '/repo'].join('')}'` }))).toEqual(
      [],
    );
  });
});

import { describe, expect, it } from 'vitest';
import { tellingLines } from './telling-lines.ts';

const told = (...lines: readonly string[]) => tellingLines(lines.join('\n'));

describe('tellingLines', () => {
  it('names a changed file once, a deleted one by what it was, and says that it is deleted', () => {
    expect(
      told(
        'diff --git a/app.json b/app.json',
        'index 9503b08..c0d810c 100644',
        '--- a/app.json',
        '+++ b/app.json',
        '@@ -1 +1 @@',
        '-1',
        '+2',
        'diff --git a/keys.txt b/keys.txt',
        'deleted file mode 100644',
        'index 587be6b..0000000',
        '--- a/keys.txt',
        '+++ /dev/null',
        '@@ -1 +0,0 @@',
        '-x',
      ),
    ).toEqual([
      '+++ b/app.json',
      '@@ -1 +1 @@',
      '-1',
      '+2',
      'deleted file mode 100644',
      '--- a/keys.txt',
      '@@ -1 +0,0 @@',
      '-x',
    ]);
  });

  it('keeps content that looks like a header', () => {
    const hunk = [
      '@@ -1,4 +1,3 @@',
      '--- a/drop table',
      '--- b',
      '+++ b/new',
      ' index 9503b08..c0d810c',
      '-index 9503b08..c0d810c',
      '\\ No newline at end of file',
      '+++ /dev/null',
    ];
    expect(told('--- a/q.sql', '+++ b/q.sql', ...hunk)).toEqual(['+++ b/q.sql', ...hunk]);
  });

  it('names files that change without a line of text', () => {
    const modes = ['diff --git a/run b/run', 'old mode 100644', 'new mode 100755'];
    const binary = ['diff --git a/x b/x', 'Binary files a/x and b/x differ'];
    expect(
      told(...modes, ...binary.slice(0, 1), 'index 1234567..89abcde 100644', ...binary.slice(1)),
    ).toEqual([...modes, ...binary]);
  });

  it('leaves text that is no diff as it is, without its blank lines', () => {
    expect(told('+one', '', '--- two', 'three')).toEqual(['+one', '--- two', 'three']);
  });
});

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unifiedDiff } from './unified-diff.ts';

const labels = { from: 'text', to: 'text' };
const lines = fc.array(fc.constantFrom('a', 'b', 'c', '', '- x', '+++ y', '@@'), { maxLength: 40 });

describe('unified diff', () => {
  it('is empty for what is the same', () => {
    expect(unifiedDiff('a\nb', 'a\nb', labels)).toBe('');
  });

  it('counts an empty side from the line before', () => {
    expect(unifiedDiff('', 'a', labels)).toBe('--- text\n+++ text\n@@ -0,0 +1,1 @@\n+a');
    expect(unifiedDiff('a', '', labels)).toBe('--- text\n+++ text\n@@ -1,1 +0,0 @@\n-a');
  });

  it('is what git makes the second text of the first with', () => {
    const folder = mkdtempSync(join(tmpdir(), 'diff-'));
    try {
      fc.assert(
        fc.property(lines, lines, (before, after) => {
          const [from, to] = [before.join('\n'), after.join('\n')];
          const diff = unifiedDiff(from, to, labels);
          expect(diff === '').toBe(from === to);
          if (diff === '') return;
          const file = join(folder, 'text');
          writeFileSync(file, from === '' ? '' : `${from}\n`);
          execFileSync('git', ['apply', '-p0', '--whitespace=nowarn', '-'], {
            cwd: folder,
            input: `${diff}\n`,
            env: { PATH: '/usr/bin:/bin', GIT_CEILING_DIRECTORIES: tmpdir() },
          });
          expect(readFileSync(file, 'utf8')).toBe(to === '' ? '' : `${to}\n`);
        }),
        { numRuns: 100 },
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('replaces whole what is too long to compare', () => {
    const long = (letter: string): string =>
      Array.from({ length: 3000 }, (_, index) => `${letter}${index}`).join('\n');
    const diff = unifiedDiff(long('a'), long('b'), labels).split('\n');
    expect(diff.filter((line) => line.startsWith('-a'))).toHaveLength(3000);
    expect(diff.filter((line) => line.startsWith('+b'))).toHaveLength(3000);
  });
});

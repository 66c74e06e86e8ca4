import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { matchesPattern } from './glob-pattern.ts';

const escaped = (text: string) => text.replaceAll(/[\\*?]/g, (special) => `\\${special}`);

describe('matchesPattern', () => {
  test.each([
    ['service/*.json', 'service/a.json', true],
    ['service/*.json', 'service/deep/a.json', false],
    ['service/*.json', 'service/.json', true],
    ['service/**', 'service/deep/a.json', true],
    ['service/**', 'service/', true],
    ['service/**', 'service', false],
    ['**', '', true],
    ['**/a', 'b/c/a', true],
    ['**/a', 'a', false],
    ['a?c', 'abc', true],
    ['a?c', 'a/c', false],
    ['a?c', 'a😀c', true],
    ['a.c', 'abc', false],
    [String.raw`a\*c`, 'a*c', true],
    [String.raw`a\*c`, 'abc', false],
    ['a\\', 'a\\', true],
    ['', '', true],
    ['', 'a', false],
    ['service', 'service/x', false],
    ['service', 'my-service', false],
  ])('%s against %s: %s', (pattern, text, expected) => {
    expect(matchesPattern(pattern, text)).toBe(expected);
  });

  test('an escaped text matches itself and nothing else', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (text, other) => {
        expect(matchesPattern(escaped(text), text)).toBe(true);
        expect(matchesPattern(escaped(text), other)).toBe(other === text);
      }),
    );
  });

  test('agrees with the equivalent regular expression', () => {
    const piece = fc.constantFrom('a', 'b', '/', '*', '**', '?');
    const toRegExp = (pieces: readonly string[]) => {
      const source = pieces
        .join('')
        .replaceAll(/\*\*|\*|\?/g, (token) => (token === '**' ? '[^]*' : token === '*' ? '[^/]*' : '[^/]'));
      return new RegExp(`^${source}$`, 'u');
    };
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 6 }),
        fc.array(fc.constantFrom('a', 'b', '/'), { maxLength: 8 }),
        (pieces, points) => {
          const text = points.join('');
          expect(matchesPattern(pieces.join(''), text)).toBe(toRegExp(pieces).test(text));
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('a pattern made to explode a backtracking matcher is answered', () => {
    expect(matchesPattern(`${'*a'.repeat(200)}b`, 'a'.repeat(2000))).toBe(false);
  });
});

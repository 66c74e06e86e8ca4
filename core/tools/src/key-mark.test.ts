import { expect, test } from 'vitest';
import { isMarkedWith, looksMarked, markedText, WriteKey } from './key-mark.ts';

test('a text is marked by its last line, however a service ends its lines', () => {
  const text = markedText('why', 'shop-fix-1');
  expect(isMarkedWith(text, 'shop-fix-1')).toBe(true);
  expect(isMarkedWith(`${text.replaceAll('\n', '\r\n')}\r\n`, 'shop-fix-1')).toBe(true);
  expect(isMarkedWith(markedText('', 'shop-fix-1'), 'shop-fix-1')).toBe(true);
});

test.each([
  '[carapulse:shop-fix-10]',
  'x [carapulse:shop-fix-1]',
  '[carapulse:shop-fix-1]\nmore',
  'shop-fix-1',
  '',
])('%j is not the mark of shop-fix-1', (text) => {
  expect(isMarkedWith(text, 'shop-fix-1')).toBe(false);
});

test('what could be taken for a mark is seen, also inside and in capitals', () => {
  expect(looksMarked('see [Carapulse:x]')).toBe(true);
  expect(looksMarked('Carapulse made this')).toBe(false);
});

test('a key has nothing that ends a mark', () => {
  for (const key of ['short', 'a]b-12345', 'a\n12345678', 'A12345678', '-12345678', 'x'.repeat(65)])
    expect(WriteKey.safeParse(key).success).toBe(false);
});

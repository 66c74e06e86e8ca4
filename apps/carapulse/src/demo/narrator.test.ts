import { expect, test } from 'vitest';
import { createNarrator, wrap } from './narrator.ts';

test('prose is broken between words and goes on further in; nothing of it is lost', () => {
  expect(wrap('one two three', 8)).toEqual(['one two', '  three']);
  expect(wrap('  │ one two three', 12)).toEqual(['  │ one two', '  │   three']);
  expect(wrap('short', 80)).toEqual(['short']);
  expect(wrap('a-word-that-is-longer-than-the-room and more', 10)).toEqual([
    'a-word-that-is-longer-than-the-room',
    '  and more',
  ]);
  expect(wrap('', 10)).toEqual(['']);
});

test('off a terminal no line is broken and nothing is coloured', () => {
  const told: string[] = [];
  const tell = createNarrator({ write: (text) => told.push(text) }, () => 0);
  tell.good('x '.repeat(200).trim());
  expect(told).toEqual([`          ✓ ${'x '.repeat(200).trim()}\n`]);
});

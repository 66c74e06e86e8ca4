import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { OutputSanitizer, sanitizeOutput } from './output-sanitizer.ts';

it.each([
  ['plain äöü 漢字 🙂\tand\nlines\n', 'plain äöü 漢字 🙂\tand\nlines\n'],
  ['\u001b[2J\u001b]8;;http://x\u0007', '␛[2J␛]8;;http://x␇'],
  ['safe\rEVIL', 'safe␍EVIL'],
  ['dos\r\nline', 'dos\nline'],
  ['a\u0008\u007f', 'a␈␡'],
  ['\u009b31m', '⟨U+009B⟩31m'],
  ['if \u202e} evil', 'if ⟨U+202E⟩} evil'],
  ['\u2066x\u2069\u200f', '⟨U+2066⟩x⟨U+2069⟩⟨U+200F⟩'],
  ['\u{e0041}', '⟨U+E0041⟩'],
])('%j is shown as %j', (raw, shown) => {
  expect(sanitizeOutput(raw)).toBe(shown);
});

it('the way bytes are cut into chunks makes no difference', () => {
  const pieces = fc.constantFrom('a', '\r', '\n', '\r\n', 'é', '🙂', '\u001b[', '\u202e');
  fc.assert(
    fc.property(fc.array(pieces), fc.infiniteStream(fc.integer({ min: 1, max: 5 })), (parts, sizes) => {
      const bytes = Buffer.from(parts.join(''));
      const sanitizer = new OutputSanitizer();
      let text = '';
      for (let at = 0; at < bytes.length;) {
        const size = sizes.next().value;
        text += sanitizer.push(bytes.subarray(at, at + size));
        at += size;
      }
      expect(text + sanitizer.end()).toBe(sanitizeOutput(parts.join('')));
    }),
  );
});

it('nothing that a terminal obeys comes through, whatever the bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const sanitizer = new OutputSanitizer();
      const text = sanitizer.push(bytes) + sanitizer.end();
      const obeyed = Array.from(text).filter((char) => {
        const code = char.codePointAt(0) ?? 0;
        return (code < 0x20 && char !== '\n' && char !== '\t') || (code >= 0x7f && code < 0xa0);
      });
      expect(obeyed).toEqual([]);
    }),
  );
});

it('invalid UTF-8 becomes the replacement character', () => {
  const sanitizer = new OutputSanitizer();
  expect(sanitizer.push(Uint8Array.of(0x61, 0xff, 0xc3)) + sanitizer.end()).toBe('a\ufffd\ufffd');
});

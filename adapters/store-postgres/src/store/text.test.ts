import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { exactKey, freeText, indexKey } from './text.ts';

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 900 }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) }),
  fc.constantFrom('sha256:x', '\0', '\ud800', '\ufffd', 'x'.repeat(401), 'x'.repeat(400)),
);

describe('text for the database', () => {
  test('an index key fits an index entry, can be stored, and is never the same for two texts', () => {
    fc.assert(
      fc.property(anyText, anyText, (one, other) => {
        const key = indexKey(one);
        expect(Buffer.byteLength(key)).toBeLessThanOrEqual(1600);
        expect(Buffer.from(key).toString()).toBe(key);
        expect(key.includes('\0')).toBe(false);
        expect(indexKey(other) === key).toBe(other === one);
      }),
    );
    expect(indexKey(indexKey('\0'))).not.toBe(indexKey('\0'));
  });

  test('an exact key is kept or refused, never changed', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const storable =
          text !== '' && Buffer.byteLength(text) <= 1000 && !text.includes('\0') && text.isWellFormed();
        const kept = (): string => exactKey(text, 'A key');
        if (storable) expect(kept()).toBe(text);
        else expect(kept).toThrow(expect.objectContaining({ code: 'invalid_input' }));
      }),
    );
  });

  test('free text keeps all but NUL', () => {
    expect(freeText('a\0b\ufffd')).toBe('a\ufffdb\ufffd');
    expect(freeText('plain')).toBe('plain');
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { displayWidth } from '@carapulse/plan';
import { harmlessJson, harmlessYaml } from './harmless-document.ts';
import { table, type Column } from './table.ts';
import { parse } from 'yaml';

interface Row {
  readonly id: string;
  readonly text: string;
}
const columns: readonly Column<Row>[] = [
  { title: 'ID', value: (row) => row.id },
  { title: 'TEXT', value: (row) => row.text, tone: () => 'bad' },
  { title: 'MORE', value: () => 'more', wide: true },
];
const plain = { width: null, colour: false, wide: false };
const HOSTILE = 'a\u001b[2Jb\u009b31mc\u202ed\nnext\u2028line';

/** Whether a terminal would do something on it, or show it in another order. */
const obeyed = (line: string): boolean => /[\p{Cc}\p{Cf}\p{Zl}]/u.test(line);

/** What a terminal that knows no graphemes advances by (wcwidth), for the characters that the tests use. */
function columnsOf(line: string): number {
  let columns = 0;
  for (const character of line)
    columns += /\p{Mn}/u.test(character) ? 0 : /[漢\u3231\ufe19👍]/u.test(character) ? 2 : 1;
  return columns;
}

describe('table', () => {
  it('lines columns up by what they take on a terminal', () => {
    const rows = [
      { id: 'a', text: 'x' },
      { id: '日本', text: 'y' },
    ];
    expect(table(rows, columns, plain)).toEqual(['ID    TEXT', 'a     x', '日本  y']);
  });

  it('shows wide columns only when they are asked for', () => {
    const rows = [{ id: 'a', text: 'x' }];
    expect(table(rows, columns, plain).join()).not.toContain('MORE');
    expect(table(rows, columns, { ...plain, wide: true })[0]).toBe('ID  TEXT  MORE');
  });

  it('cuts the widest column to fit a terminal, and never writes a line that is wider', () => {
    const rows = [{ id: 'pl_01', text: 'word '.repeat(60) }];
    const lines = table(rows, columns, { ...plain, width: 60 });
    expect(lines[1]).toMatch(/^pl_01 {2}word .*…$/);
    for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(60);
  });

  it('keeps what names a row whole, and cuts it last', () => {
    const id = `pl_${'0'.repeat(26)}`;
    const lines = table([{ id, text: 'word '.repeat(4) }], columns, { ...plain, width: 44 });
    expect(lines[1]).toBe(`${id}  word word wo…`);
    expect(table([{ id, text: 'x' }], columns, { ...plain, width: 20 })[1]).toBe('pl_0000000000…  x');
  });

  it('is never wider than it may be, whatever is in it and however narrow that is', () => {
    const letters = [
      'a',
      '\u001b[1m',
      '漢',
      '\u3231',
      '👍',
      '\u0301',
      'क्ष',
      '\ufe19',
      '\u202e',
      '\n',
      'ﾊ',
      '🇫🇷',
    ];
    const text = fc.array(fc.constantFrom(...letters), { maxLength: 60 }).map((parts) => parts.join(''));
    const row = fc.record({ id: text, text, more: text });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 4 }), fc.integer({ min: 1, max: 90 }), (rows, width) => {
        const three: ReadonlyArray<Column<(typeof rows)[number]>> = [
          { title: 'ID', value: (each) => each.id },
          { title: 'TEXT', value: (each) => each.text },
          { title: 'MORE', value: (each) => each.more },
        ];
        for (const line of table(rows, three, { ...plain, width })) {
          expect(columnsOf(line)).toBeLessThanOrEqual(width);
          expect(obeyed(line)).toBe(false);
        }
      }),
    );
  });

  it('lets no text of others reach the terminal as a control', () => {
    const lines = table([{ id: HOSTILE, text: HOSTILE }], columns, plain);
    expect(lines).toHaveLength(2);
    expect(lines.filter(obeyed)).toEqual([]);
  });

  it('colours a cell only where colour is allowed', () => {
    const rows = [{ id: 'a', text: 'x' }];
    expect(table(rows, columns, { ...plain, colour: true })[1]).toBe('a   \u001b[31mx\u001b[0m');
    expect(table(rows, columns, plain)[1]).toBe('a   x');
  });
});

describe('documents', () => {
  const value = { key: HOSTILE, plain: 'yes: no', '\u202ename': ['\u009b'] };
  it('say the same as JSON and as YAML, with nothing that a terminal obeys', () => {
    for (const [text, back] of [
      [harmlessJson(value), JSON.parse(harmlessJson(value)) as unknown],
      [harmlessYaml(value), parse(harmlessYaml(value)) as unknown],
    ] as const) {
      expect(back).toEqual(value);
      expect(text.split('\n').filter(obeyed)).toEqual([]);
    }
  });
});

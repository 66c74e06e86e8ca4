import { displayText } from '@carapulse/plan';
import type { Terminal } from '../terminal.ts';
import { harmlessJson, harmlessYaml } from './harmless-document.ts';
import { paint, type Tone } from './paint.ts';
import { table, type Column } from './table.ts';

export const FORMATS = ['table', 'wide', 'json', 'yaml', 'name'] as const;
/** Off a terminal, so that one long text does not push everything after it out of sight; `-o wide` cuts nothing. */
const UNKNOWN_COLUMNS = 160;

export type Format = (typeof FORMATS)[number];

/** Results go to standard output in the format asked for, everything else to standard error. */
export interface Printer {
  readonly format: Format;
  /** A list: `body` is what `json` and `yaml` show. */
  list<T>(
    body: unknown,
    items: readonly T[],
    shown: {
      readonly columns: readonly Column<T>[];
      readonly name: (item: T) => string;
      readonly empty: string;
    },
  ): void;
  /** One thing: `lines` are for people and already harmless. */
  one(body: unknown, name: string, lines: () => readonly string[]): void;
  /** A table among the lines of `one`. */
  table<T>(items: readonly T[], columns: readonly Column<T>[]): readonly string[];
  /** Progress and hints, for people. */
  note(text: string): void;
  paint(text: string, tone: Tone | null): string;
}

export function createPrinter(terminal: Terminal, format: Format): Printer {
  const wide = format === 'wide';
  const layout = {
    width: terminal.columns ?? (wide ? null : UNKNOWN_COLUMNS),
    colour: terminal.colour,
    wide,
  };
  const lines = (text: readonly string[]): void => terminal.out(text.map((line) => `${line}\n`).join(''));
  const document = (body: unknown): boolean => {
    if (format === 'json') terminal.out(`${harmlessJson(body)}\n`);
    else if (format === 'yaml') terminal.out(harmlessYaml(body));
    else return false;
    return true;
  };
  return {
    format,
    list: (body, items, { columns, name, empty }) => {
      if (document(body)) return;
      if (format === 'name') lines(items.map((item) => displayText(name(item))));
      else if (items.length === 0) terminal.err(`${empty}\n`);
      else lines(table(items, columns, layout));
    },
    one: (body, name, text) => {
      if (document(body)) return;
      lines(format === 'name' ? [displayText(name)] : text());
    },
    table: (items, columns) => table(items, columns, layout),
    note: (text) => terminal.err(`${displayText(text)}\n`),
    paint: (text, tone) => paint(text, tone, terminal.colour),
  };
}

import { displayWidth } from '@carapulse/plan';

/** Tells the story on the terminal: numbered chapters with the seconds since the start, plain text when it is no terminal. */
export interface Narrator {
  chapter(title: string): void;
  line(text: string): void;
  block(lines: readonly string[]): void;
  good(text: string): void;
  bad(text: string): void;
}

type Colour = 'bold' | 'dim' | 'green' | 'red';
const CODES: Readonly<Record<Colour, number>> = { bold: 1, dim: 2, green: 32, red: 31 };

const MARGIN = ' '.repeat(10);

export function createNarrator(
  out: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number },
  nowMs: () => number,
): Narrator {
  const startMs = nowMs();
  const colours = out.isTTY === true && process.env['NO_COLOR'] === undefined;
  const paint = (text: string, colour: Colour): string =>
    colours ? `\u001B[${CODES[colour]}m${text}\u001B[0m` : text;
  let count = 0;
  const line = (text: string, colour?: Colour): void => {
    const room =
      out.isTTY === true ? Math.max(40, (out.columns ?? 80) - MARGIN.length) : Number.POSITIVE_INFINITY;
    for (const each of wrap(text, room))
      out.write(`${MARGIN}${colour === undefined ? each : paint(each, colour)}\n`);
  };
  return {
    chapter: (title) => {
      count += 1;
      const seconds = `${((nowMs() - startMs) / 1000).toFixed(1)}s`.padStart(6);
      out.write(`\n${paint(seconds, 'dim')}  ${paint(`${count}. ${title}`, 'bold')}\n`);
    },
    line: (text) => line(text),
    block: (lines) => {
      out.write('\n');
      for (const each of lines) line(each);
      out.write('\n');
    },
    good: (text) => line(`✓ ${text}`, 'green'),
    bad: (text) => line(`✗ ${text}`, 'red'),
  };
}

/** Breaks a line between words, and goes on two columns further in; a word that is longer than the room stays whole. */
export function wrap(text: string, room: number): readonly string[] {
  const indent = /^[\s│]*/.exec(text)?.[0] ?? '';
  const lines: string[] = [];
  let line = '';
  for (const word of text.slice(indent.length).split(' ')) {
    const longer = line === '' ? `${indent}${lines.length === 0 ? '' : '  '}${word}` : `${line} ${word}`;
    if (line !== '' && displayWidth(longer) > room) {
      lines.push(line);
      line = `${indent}  ${word}`;
    } else line = longer;
  }
  return [...lines, line];
}

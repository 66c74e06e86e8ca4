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

export function createNarrator(
  out: { write(text: string): unknown; readonly isTTY?: boolean },
  nowMs: () => number,
): Narrator {
  const startMs = nowMs();
  const colours = out.isTTY === true && process.env['NO_COLOR'] === undefined;
  const paint = (text: string, colour: Colour): string =>
    colours ? `\u001B[${CODES[colour]}m${text}\u001B[0m` : text;
  let count = 0;
  const line = (text: string): void => void out.write(`          ${text}\n`);
  return {
    chapter: (title) => {
      count += 1;
      const seconds = `${((nowMs() - startMs) / 1000).toFixed(1)}s`.padStart(6);
      out.write(`\n${paint(seconds, 'dim')}  ${paint(`${count}. ${title}`, 'bold')}\n`);
    },
    line,
    block: (lines) => {
      out.write('\n');
      for (const each of lines) line(each);
      out.write('\n');
    },
    good: (text) => line(paint(`✓ ${text}`, 'green')),
    bad: (text) => line(paint(`✗ ${text}`, 'red')),
  };
}

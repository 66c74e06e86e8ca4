/** The newest lines of a log, bounded. */
export interface LineRing {
  push(line: string): void;
  /** The last `count` lines, oldest first. */
  tail(count: number): readonly string[];
}

export const LINES_KEPT = 2000;

export function createLineRing(): LineRing {
  const lines: string[] = [];
  return {
    push(line) {
      lines.push(line);
      if (lines.length > LINES_KEPT) lines.shift();
    },
    tail: (count) => (count <= 0 ? [] : lines.slice(-count)),
  };
}

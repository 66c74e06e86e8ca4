import { displayText, displayWidth, fitWidth } from '@carapulse/plan';
import { paint, type Tone } from './paint.ts';

/** One column of a table. `wide` ones are shown with `-o wide` only. */
export interface Column<T> {
  readonly title: string;
  readonly value: (item: T) => string;
  readonly tone?: (item: T) => Tone | null;
  readonly wide?: boolean;
}

export interface TableLayout {
  /** Columns of the terminal; null cuts nothing. */
  readonly width: number | null;
  readonly colour: boolean;
  readonly wide: boolean;
}

const GAP = 2;
const NARROWEST = 12;

/** Rows under their titles, all text made harmless; on a terminal the widest columns are cut with `…` to fit. */
export function table<T>(
  items: readonly T[],
  columns: readonly Column<T>[],
  layout: TableLayout,
): readonly string[] {
  const shown = columns.filter((column) => layout.wide || column.wide !== true);
  const cells = items.map((item) => shown.map((column) => displayText(column.value(item))));
  const widths = shown.map((column, index) =>
    Math.max(displayWidth(column.title), ...cells.map((row) => displayWidth(row[index] ?? ''))),
  );
  if (layout.width !== null) shrink(widths, layout.width - GAP * (shown.length - 1));
  const line = (texts: readonly string[], tones: ReadonlyArray<Tone | null>): string =>
    texts
      .map((text, index) => {
        const width = widths[index] ?? 0;
        const cell = fitWidth(text, width);
        const padding = index === texts.length - 1 ? '' : ' '.repeat(width - displayWidth(cell) + GAP);
        return paint(cell, tones[index] ?? null, layout.colour) + padding;
      })
      .join('')
      .trimEnd();
  return [
    line(
      shown.map((column) => column.title),
      shown.map(() => 'faint'),
    ),
    ...cells.map((row, index) =>
      line(
        row,
        shown.map((column) => column.tone?.(items[index] as T) ?? null),
      ),
    ),
  ];
}

function shrink(widths: number[], room: number): void {
  let over = widths.reduce((sum, width) => sum + width, 0) - room;
  while (over > 0) {
    const widest = widths.indexOf(Math.max(...widths));
    const width = widths[widest] ?? 0;
    if (width <= NARROWEST) return;
    const second = Math.max(NARROWEST, ...widths.filter((_, index) => index !== widest));
    const cut = Math.min(over, Math.max(1, width - Math.min(second, width - 1)));
    widths[widest] = width - cut;
    over -= cut;
  }
}

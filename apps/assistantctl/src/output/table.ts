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

/**
 * Rows under their titles, all text made harmless. No line is wider than the layout: the widest columns are cut with
 * `…`, the first, which names the row, last of all, and what then still finds no room is left out.
 */
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
  const fitted = layout.width === null ? widths : fit(widths, layout.width);
  const line = (texts: readonly string[], tones: ReadonlyArray<Tone | null>): string =>
    fitted
      .map((width, index) => {
        const cell = fitWidth(texts[index] ?? '', width);
        const padding = index === fitted.length - 1 ? '' : ' '.repeat(width - displayWidth(cell) + GAP);
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

/** Widths that fit into `room` with their gaps; columns at the end for which none is left are missing. */
function fit(widths: readonly number[], room: number): readonly number[] {
  const [first = 0, ...others] = widths;
  const forOthers = room - GAP * others.length;
  const shrunk = shrink(others, forOthers - first);
  const all = shrink([first, ...shrunk], forOthers);
  let left = room;
  return all.flatMap((width) => {
    const columns = Math.min(width, left);
    left -= columns + GAP;
    return columns > 0 ? [columns] : [];
  });
}

/** Takes from the widest columns, none below `NARROWEST`, until all fit into `room` or none has more to give. */
function shrink(given: readonly number[], room: number): readonly number[] {
  const widths = [...given];
  let over = widths.reduce((sum, width) => sum + width, 0) - room;
  while (over > 0) {
    const widest = widths.indexOf(Math.max(...widths));
    const width = widths[widest] ?? 0;
    if (width <= NARROWEST) break;
    const second = Math.max(NARROWEST, ...widths.filter((_, index) => index !== widest));
    const cut = Math.min(over, Math.max(1, width - Math.min(second, width - 1)));
    widths[widest] = width - cut;
    over -= cut;
  }
  return widths;
}

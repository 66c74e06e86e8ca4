const CONTEXT = 3;
/** Beyond so many lines on both sides a part is told as replaced whole, which is still a true diff. */
const MAX_CELLS = 4_000_000;

type Line = { readonly sign: ' ' | '-' | '+'; readonly text: string };

/** The unified diff of two texts, with three lines of context; empty when they are the same. */
export function unifiedDiff(before: string, after: string, labels: { from: string; to: string }): string {
  if (before === after) return '';
  const lines = editsBetween(linesOf(before), linesOf(after));
  const hunks = hunksOf(lines);
  return [`--- ${labels.from}`, `+++ ${labels.to}`, ...hunks].join('\n');
}

function linesOf(text: string): readonly string[] {
  return text === '' ? [] : text.split('\n');
}

/** The shortest edit by the longest common subsequence of what is left between a common start and end. */
function editsBetween(before: readonly string[], after: readonly string[]): readonly Line[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let end = 0;
  while (
    end < before.length - start &&
    end < after.length - start &&
    before[before.length - 1 - end] === after[after.length - 1 - end]
  ) {
    end += 1;
  }
  const same = (text: string): Line => ({ sign: ' ', text });
  return [
    ...before.slice(0, start).map(same),
    ...editsOfMiddle(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...before.slice(before.length - end).map(same),
  ];
}

function editsOfMiddle(before: readonly string[], after: readonly string[]): readonly Line[] {
  const removed = (text: string): Line => ({ sign: '-', text });
  const added = (text: string): Line => ({ sign: '+', text });
  const width = after.length + 1;
  if ((before.length + 1) * width > MAX_CELLS) return [...before.map(removed), ...after.map(added)];
  const lengths = new Uint32Array((before.length + 1) * width);
  const at = (i: number, j: number): number => lengths[i * width + j] ?? 0;
  for (let i = before.length - 1; i >= 0; i -= 1) {
    for (let j = after.length - 1; j >= 0; j -= 1) {
      lengths[i * width + j] =
        before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const [mine, theirs] = [before[i], after[j]];
    if (mine !== undefined && mine === theirs) {
      lines.push({ sign: ' ', text: mine });
      i += 1;
      j += 1;
    } else if (mine !== undefined && (theirs === undefined || at(i + 1, j) >= at(i, j + 1))) {
      lines.push(removed(mine));
      i += 1;
    } else {
      lines.push(added(theirs ?? ''));
      j += 1;
    }
  }
  return lines;
}

function hunksOf(lines: readonly Line[]): readonly string[] {
  const changed = lines.flatMap(({ sign }, index) => (sign === ' ' ? [] : [index]));
  const ranges: { from: number; to: number }[] = [];
  for (const index of changed) {
    const last = ranges.at(-1);
    const to = Math.min(lines.length, index + CONTEXT + 1);
    if (last !== undefined && index - CONTEXT <= last.to) last.to = to;
    else ranges.push({ from: Math.max(0, index - CONTEXT), to });
  }
  return ranges.flatMap(({ from, to }) => {
    const part = lines.slice(from, to);
    return [
      `@@ -${span(lines, part, from, '+')} +${span(lines, part, from, '-')} @@`,
      ...part.map(({ sign, text }) => `${sign}${text}`),
    ];
  });
}

/** `start,count` on the side that doesn't have lines of `other`; by GNU diff, an empty side starts one earlier. */
function span(lines: readonly Line[], part: readonly Line[], from: number, other: '-' | '+'): string {
  const count = part.filter(({ sign }) => sign !== other).length;
  const before = lines.slice(0, from).filter(({ sign }) => sign !== other).length;
  return `${count === 0 ? before : before + 1},${count}`;
}

const HUNK = /^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@/;
const DULL = /^(index [0-9a-f]+\.\.|new file mode |similarity index )/;

/**
 * The lines of a unified diff that tell something, in order. Every file that is touched keeps a line with its name,
 * and what stands inside a hunk is content, whatever it looks like: none of it is left out but blank lines.
 */
export function tellingLines(diff: string): readonly string[] {
  return told(diff).map(({ line }) => line);
}

/** Of these, the names of files and what is added and removed: where there is no room for what stands around it. */
export function changedLines(diff: string): readonly string[] {
  return told(diff).flatMap(({ line, around }) => (around ? [] : [line]));
}

interface Told {
  readonly line: string;
  /** Whether it only shows where a change is. */
  readonly around: boolean;
}

function told(diff: string): readonly Told[] {
  const kept: Told[] = [];
  const hunk = { before: 0, after: 0 };
  const lines = diff.split('\n');
  for (const [index, line] of lines.entries()) {
    const inside = hunk.before > 0 || hunk.after > 0;
    if (inside) count(line, hunk);
    else enter(line, hunk);
    const around = inside ? line.startsWith(' ') : HUNK.test(line);
    if (line.trim() !== '' && (inside || !isDull(lines, index))) kept.push({ line, around });
  }
  return kept;
}

function enter(line: string, hunk: { before: number; after: number }): void {
  const match = HUNK.exec(line);
  if (match === null) return;
  hunk.before = Number(match[1] ?? 1);
  hunk.after = Number(match[2] ?? 1);
}

function count(line: string, hunk: { before: number; after: number }): void {
  if (line.startsWith('\\')) return;
  if (!line.startsWith('+')) hunk.before -= 1;
  if (!line.startsWith('-')) hunk.after -= 1;
}

/** A header line whose file another line names as well. */
function isDull(lines: readonly string[], index: number): boolean {
  const line = lines[index] ?? '';
  const next = lines[index + 1] ?? '';
  if (DULL.test(line)) return true;
  if (line.startsWith('--- ')) return next.startsWith('+++ ') && next !== '+++ /dev/null';
  if (line === '+++ /dev/null') return (lines[index - 1] ?? '').startsWith('--- ');
  return line.startsWith('diff --git ') && namedLater(lines, index + 1);
}

/** Whether the file's own header goes on to `--- old` and `+++ new`; it does not for modes, renames and binaries. */
function namedLater(lines: readonly string[], from: number): boolean {
  for (const line of lines.slice(from, from + 8)) {
    if (line.startsWith('--- ')) return true;
    if (line.startsWith('diff --git ') || line.startsWith('@@ ')) return false;
  }
  return false;
}

import { AppError } from '@carapulse/kernel';
import { z } from 'zod';

/** Longest diff that an output carries, in UTF-16 units. */
export const MAX_DIFF = 60_000;

export const FileChange = z.strictObject({
  path: z.string(),
  /** Null for a binary file. */
  added: z.int().nonnegative().nullable(),
  deleted: z.int().nonnegative().nullable(),
});
export type FileChange = z.infer<typeof FileChange>;

export const Changes = z.strictObject({
  files: z.array(FileChange),
  files_changed: z.int().nonnegative(),
  /** Lines added and deleted together; binary files count none. */
  lines_changed: z.int().nonnegative(),
  /** Null when it is too long to be read at all; the numbers still tell its size. */
  diff: z.string().nullable(),
  diff_truncated: z.boolean(),
});
export type Changes = z.infer<typeof Changes>;

const NUMBERS = ['-z', '--numstat', '--no-renames', '--no-color', '--no-ext-diff', '--no-textconv'] as const;

/**
 * The changes that one git command tells, numbers and text together.
 * @param run runs a command of the diff family with these options.
 * @param separator where the changes begin, if something else, the `head`, stands before them.
 */
export async function readChanges(
  run: (options: readonly string[]) => Promise<string>,
  separator: RegExp | null = null,
): Promise<{ readonly head: string; readonly changes: Changes }> {
  const { output, whole } = await bounded(run);
  const found = separator?.exec(output) ?? null;
  if (found === null) return { head: '', changes: parseChanges(output, whole) };
  const text = output.slice(found.index + found[0].length);
  return { head: output.slice(0, found.index), changes: parseChanges(text, whole) };
}

/** Parses `-z --numstat -p`: the numbers end where the text begins, at an empty record. */
export function parseChanges(text: string, whole = true): Changes {
  const end = text.indexOf('\0\0');
  const files = parseNumstat(end === -1 ? text : text.slice(0, end));
  const diff = end === -1 ? '' : text.slice(end + 2);
  return {
    files,
    files_changed: files.length,
    lines_changed: files.reduce((sum, file) => sum + (file.added ?? 0) + (file.deleted ?? 0), 0),
    diff: whole ? diff.slice(0, MAX_DIFF) : null,
    diff_truncated: !whole || diff.length > MAX_DIFF,
  };
}

/** Parses `git diff-tree -r -z --numstat --no-renames`. */
export function parseNumstat(text: string): FileChange[] {
  return text
    .split('\0')
    .filter((record) => record !== '')
    .map((record) => {
      const [added = '', deleted = '', ...path] = record.split('\t');
      return { path: path.join('\t'), added: count(added), deleted: count(deleted) };
    });
}

async function bounded(
  run: (options: readonly string[]) => Promise<string>,
): Promise<{ readonly output: string; readonly whole: boolean }> {
  try {
    return { output: await run([...NUMBERS, '-p']), whole: true };
  } catch (error) {
    if (!(error instanceof AppError) || error.details['reason'] !== 'limit_output') throw error;
    // A diff past the output limit is not shown at all; the numbers still tell its size.
    return { output: await run(NUMBERS), whole: false };
  }
}

function count(text: string): number | null {
  return /^\d+$/.test(text) ? Number(text) : null;
}

import { AppError } from '@carapulse/kernel';
import { z } from 'zod';
import type { Mirror } from './git-mirror.ts';
import { settleAll } from './settle-all.ts';

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

/** What lies between two trees or commits; `from` null compares with the empty tree (`to` is then a commit). */
export async function readChanges(mirror: Mirror, from: string | null, to: string): Promise<Changes> {
  const ends =
    from === null ? ['--root', '--no-commit-id', '--end-of-options', to] : ['--end-of-options', from, to];
  const [stat, diff] = await settleAll([
    mirror.git('diff-tree', '-r', '-z', '--numstat', '--no-renames', ...ends),
    readDiff(mirror, ends),
  ]);
  const files = parseNumstat(stat);
  return {
    files,
    files_changed: files.length,
    lines_changed: files.reduce((sum, file) => sum + (file.added ?? 0) + (file.deleted ?? 0), 0),
    diff: diff?.slice(0, MAX_DIFF) ?? null,
    diff_truncated: diff === null || diff.length > MAX_DIFF,
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

async function readDiff(mirror: Mirror, ends: readonly string[]): Promise<string | null> {
  try {
    return await mirror.git(
      'diff-tree',
      '-p',
      '--no-color',
      '--no-renames',
      '--no-ext-diff',
      '--no-textconv',
      ...ends,
    );
  } catch (error) {
    if (error instanceof AppError && error.details['reason'] === 'limit_output') return null;
    throw error;
  }
}

function count(text: string): number | null {
  return /^\d+$/.test(text) ? Number(text) : null;
}

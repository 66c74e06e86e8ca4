import { z } from 'zod';
import { MAX_REVERT_FILES } from './compute-revert.ts';
import { BranchName, ObjectId, RepositoryName } from './git-settings.ts';

const printable = /^[^\p{Cc}<>]+$/u;

export const CommitAuthor = z.strictObject({
  name: z.string().min(1).max(100).regex(printable, 'a name without control characters or angle brackets'),
  email: z
    .string()
    .min(3)
    .max(200)
    .regex(/^[^\s\p{Cc}<>]+@[^\s\p{Cc}<>]+$/u, 'an e-mail address'),
});

export const CommitMessage = z
  .string()
  .min(1)
  .max(5000)
  .refine((text) => !/[^\P{Cc}\n]/u.test(text), 'a message without control characters')
  .refine((text) => text.isWellFormed(), 'a message without lone surrogates');

export const CommitDate = z.iso.datetime().refine((date) => {
  const ms = Date.parse(date);
  return ms >= 0 && ms < 4_102_444_800_000;
}, 'an instant between 1970 and 2100');

/** A revert as literals: everything that decides its outcome is known, and hashed, before it runs. */
export const RevertInput = z.strictObject({
  repository: RepositoryName,
  branch: BranchName,
  /** What is taken back. */
  commit: ObjectId,
  /** Where the branch must be; the push is leased on it. */
  base_revision: ObjectId,
  expected_tree: ObjectId,
  expected_commit: ObjectId,
  message: CommitMessage,
  author: CommitAuthor,
  date: CommitDate,
  /** What changes, as constraints judge it; recomputed and compared before the push. */
  paths: z.array(z.string().min(1).max(4096)).min(1).max(MAX_REVERT_FILES),
  files_changed: z.int().positive(),
  lines_changed: z.int().nonnegative(),
});
export type RevertInput = z.infer<typeof RevertInput>;

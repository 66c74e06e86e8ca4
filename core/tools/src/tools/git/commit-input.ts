import { z } from 'zod';
import { BranchName, ObjectId, RepositoryName, RepositoryPath } from './git-settings.ts';
import { CommitAuthor, CommitDate, CommitMessage } from './revert-input.ts';

/** A value for one place of a file. */
export const FileScalar = z.union([
  z
    .string()
    .max(2000)
    .refine((text) => !/\p{Cc}/u.test(text) && text.isWellFormed(), 'one line of text'),
  z.number(),
  z.boolean(),
]);

export const FilePointer = z
  .string()
  .min(2)
  .max(500)
  .regex(/^(\/([^/~\p{Cc}]|~[01])+)+$/u, 'a JSON pointer such as /image/tag');

/** Where something is changed: one value of one YAML or JSON file. */
export const changed = {
  path: RepositoryPath.regex(/\.(ya?ml|json)$/, 'a YAML or JSON file by its name'),
  pointer: FilePointer,
  value: FileScalar,
};

/** A commit as literals: everything that decides its id is known, and hashed, before it is made. */
export const CommitInput = z.strictObject({
  repository: RepositoryName,
  branch: BranchName,
  ...changed,
  /** What was there; null for an empty value. */
  from: FileScalar.nullable(),
  /** Where the branch must be; the push is leased on it. */
  base_revision: ObjectId,
  expected_tree: ObjectId,
  expected_commit: ObjectId,
  message: CommitMessage,
  author: CommitAuthor,
  date: CommitDate,
  /** Lines added and deleted together; recomputed and compared before the push. */
  lines_changed: z.int().positive(),
});
export type CommitInput = z.infer<typeof CommitInput>;

import { z } from 'zod';

export const CommitRecord = z.strictObject({
  revision: z.string(),
  parents: z.array(z.string()),
  authored_at: z.string(),
  committed_at: z.string(),
  author: z.string(),
  author_email: z.string(),
  subject: z.string(),
});
export type CommitRecord = z.infer<typeof CommitRecord>;

const FIELDS = '%H%n%P%n%aI%n%cI%n%ae%n%an%n%s';

/** Fields by line, records by NUL: neither can occur inside a name or a subject. */
export const COMMIT_FORMAT = `--format=${FIELDS}`;

/** The same with the commit's tree first. */
export const COMMIT_AND_TREE_FORMAT = `--format=%T%n${FIELDS}`;

/** Parses `git log -z` with `COMMIT_AND_TREE_FORMAT`. */
export function parseCommitsAndTrees(
  text: string,
): Array<{ readonly tree: string; readonly commit: CommitRecord }> {
  return text
    .split('\0')
    .filter((record) => record !== '')
    .flatMap((record) => {
      const end = record.indexOf('\n');
      const [commit] = parseCommits(record.slice(end + 1));
      return commit === undefined ? [] : [{ tree: record.slice(0, end), commit }];
    });
}

/** Parses `git log -z` with `COMMIT_FORMAT`. */
export function parseCommits(text: string): CommitRecord[] {
  return text
    .split('\0')
    .filter((record) => record !== '')
    .map((record) => {
      const [
        revision = '',
        parents = '',
        authoredAt = '',
        committedAt = '',
        email = '',
        author = '',
        ...rest
      ] = record.split('\n');
      return {
        revision,
        parents: parents === '' ? [] : parents.split(' '),
        authored_at: authoredAt,
        committed_at: committedAt,
        author,
        author_email: email,
        subject: rest.join(' ').trim(),
      };
    });
}

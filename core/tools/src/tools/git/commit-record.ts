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

/** Fields by line, records by NUL: neither can occur inside a name or a subject. */
export const COMMIT_FORMAT = '--format=%H%n%P%n%aI%n%cI%n%ae%n%an%n%s';

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

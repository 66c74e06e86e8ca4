import { z } from 'zod';
import { shownText } from '../../forge/request-text.ts';
import { InstanceName } from '../../http-connector.ts';

const PART = '[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?';
export const RepositoryPath = z
  .string()
  .max(500)
  .regex(new RegExp(`^${PART}(/${PART})+$`), 'group/project as GitLab has it');

/** Where every action starts: an instance and a project of it. */
export const place = { instance: InstanceName, repository: RepositoryPath };
export const MergeIid = z.int().min(1).max(1_000_000_000);

export const MergeRequest = z.strictObject({
  iid: z.int(),
  title: z.string(),
  body: z.string(),
  body_cut: z.boolean(),
  state: z.string(),
  draft: z.boolean(),
  source: z.strictObject({ branch: z.string(), sha: z.string().nullable() }),
  target: z.strictObject({ branch: z.string() }),
  has_conflicts: z.boolean().nullable(),
  /** GitLab's `detailed_merge_status`, such as `mergeable`, `ci_must_pass`, `unchecked`. */
  merge_status: z.string().nullable(),
  merge_commit: z.string().nullable(),
  author: z.string(),
  url: z.string(),
});
export type MergeRequest = z.infer<typeof MergeRequest>;

/** As much of GitLab's answer as is used. */
export const RawMerge = z.object({
  iid: z.int(),
  title: z.string(),
  description: z.string().nullish(),
  state: z.string(),
  draft: z.boolean().default(false),
  source_branch: z.string(),
  target_branch: z.string(),
  project_id: z.int().nullish(),
  source_project_id: z.int().nullish(),
  sha: z.string().nullish(),
  has_conflicts: z.boolean().nullish(),
  detailed_merge_status: z.string().nullish(),
  merge_commit_sha: z.string().nullish(),
  squash_commit_sha: z.string().nullish(),
  author: z.object({ username: z.string() }).nullish(),
  web_url: z.string(),
});
export type RawMerge = z.infer<typeof RawMerge>;

export function mergeView(raw: RawMerge): MergeRequest {
  const body = shownText(raw.description);
  return {
    iid: raw.iid,
    title: shownText(raw.title).text,
    body: body.text,
    body_cut: body.cut,
    state: raw.state,
    draft: raw.draft,
    source: { branch: raw.source_branch, sha: raw.sha ?? null },
    target: { branch: raw.target_branch },
    has_conflicts: raw.has_conflicts ?? null,
    merge_status: raw.detailed_merge_status ?? null,
    merge_commit: mergeCommitOf(raw),
    author: raw.author?.username ?? '',
    url: raw.web_url,
  };
}

/** Null of one that was merged by moving the branch forward. */
export function mergeCommitOf(raw: RawMerge): string | null {
  return raw.merge_commit_sha ?? raw.squash_commit_sha ?? null;
}

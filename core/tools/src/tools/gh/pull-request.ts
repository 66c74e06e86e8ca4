import { z } from 'zod';
import { shownText } from '../../forge/request-text.ts';
import { InstanceName } from '../../http-connector.ts';

const REPOSITORY = /^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,38})\/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/;
export const RepositoryPath = z.string().regex(REPOSITORY, 'owner/name as GitHub has it');

/** Where every action starts: an instance and a repository of it. */
export const place = { instance: InstanceName, repository: RepositoryPath };
export const PullNumber = z.int().min(1).max(1_000_000_000);

export const PullRequest = z.strictObject({
  number: z.int(),
  title: z.string(),
  body: z.string(),
  body_cut: z.boolean(),
  state: z.enum(['open', 'closed', 'merged']),
  draft: z.boolean(),
  head: z.strictObject({ branch: z.string(), sha: z.string() }),
  base: z.strictObject({ branch: z.string() }),
  /** Null where GitHub has not found it out, or was not asked for this one alone. */
  mergeable: z.boolean().nullable(),
  mergeable_state: z.string().nullable(),
  merge_commit: z.string().nullable(),
  author: z.string(),
  url: z.string(),
});
export type PullRequest = z.infer<typeof PullRequest>;

/** As much of GitHub's answer as is used. */
export const RawPull = z.object({
  number: z.int(),
  title: z.string(),
  body: z.string().nullish(),
  state: z.enum(['open', 'closed']),
  draft: z.boolean().default(false),
  merged: z.boolean().optional(),
  merged_at: z.string().nullish(),
  mergeable: z.boolean().nullish(),
  mergeable_state: z.string().nullish(),
  merge_commit_sha: z.string().nullish(),
  user: z.object({ login: z.string() }).nullish(),
  html_url: z.string(),
  head: z.object({ ref: z.string(), sha: z.string(), label: z.string().nullish() }),
  base: z.object({ ref: z.string() }),
});
export type RawPull = z.infer<typeof RawPull>;

export function isMerged(raw: RawPull): boolean {
  return raw.merged === true || (raw.merged_at ?? null) !== null;
}

export function pullView(raw: RawPull): PullRequest {
  const body = shownText(raw.body);
  const merged = isMerged(raw);
  return {
    number: raw.number,
    title: shownText(raw.title).text,
    body: body.text,
    body_cut: body.cut,
    state: merged ? 'merged' : raw.state,
    draft: raw.draft,
    head: { branch: raw.head.ref, sha: raw.head.sha },
    base: { branch: raw.base.ref },
    mergeable: raw.mergeable ?? null,
    mergeable_state: raw.mergeable_state ?? null,
    // Of one that is not merged it is a commit that GitHub tried.
    merge_commit: merged ? (raw.merge_commit_sha ?? null) : null,
    author: raw.user?.login ?? '',
    url: raw.html_url,
  };
}

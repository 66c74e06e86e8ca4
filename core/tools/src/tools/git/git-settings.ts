import { AppError } from '@carapulse/kernel';
import { z } from 'zod';

/** A branch name in the subset that no shell, refspec or option parser reads as anything else. */
export const BranchName = z
  .string()
  .max(200)
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]*(\/[A-Za-z0-9_][A-Za-z0-9._-]*)*$/, 'a plain branch name')
  .refine((name) => !/\.\.|\.lock(\/|$)|\.$/.test(name), 'not a branch name that git takes');

/** A whole object id. */
export const ObjectId = z
  .string()
  .regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/, 'a whole commit id, lower-case hexadecimal');

/** A branch or a commit id of at least seven digits; no expression of git's. */
export const Revision = z.union([z.string().regex(/^[0-9a-f]{7,64}$/), BranchName]);

/** A path inside the repository, taken literally. */
export const RepositoryPath = z
  .string()
  .min(1)
  .max(500)
  .refine((path) => !/[\0\r\n]/.test(path), 'a path without NUL or line breaks')
  .refine(
    (path) => !path.startsWith('-') && !path.startsWith('/') && !path.startsWith(':'),
    'a relative path',
  )
  .refine((path) => !path.split('/').includes('..'), 'a path inside the repository');

export const RepositoryName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'a repository of connectors.git');

const RepositoryUrl = z
  .string()
  .max(1000)
  .refine((url) => !/[\0\r\n]/.test(url), 'a URL without NUL or line breaks')
  .refine(
    (url) => !/^(ssh:|git:|git\+)/.test(url) && !/^[^/:]+@?[^/:]*:(?!\/\/)/.test(url),
    'ssh and git:// are not supported yet; use an https URL or an absolute path',
  )
  .refine((url) => isLocal(url) || isHttps(url), 'an https URL without credentials, or an absolute path');

export const GitSettings = z.strictObject({
  repositories: z.record(
    RepositoryName,
    z.strictObject({
      url: RepositoryUrl,
      default_branch: BranchName,
      /** Branches that may be read and written; the default branch must be among them. */
      branches: z.array(BranchName).min(1).max(100),
      /** `private` permits an https host with a private address. */
      egress: z.enum(['public', 'private']).default('public'),
    }),
  ),
});
export type GitSettings = z.infer<typeof GitSettings>;

export interface Repository {
  readonly name: string;
  readonly url: string;
  readonly defaultBranch: string;
  readonly branches: readonly string[];
  readonly egress: 'public' | 'private';
}

/** @throws AppError `not_found` naming the repositories there are. */
export function findRepository(settings: GitSettings, name: string): Repository {
  const found = Object.hasOwn(settings.repositories, name) ? settings.repositories[name] : undefined;
  if (found === undefined) {
    const names = Object.keys(settings.repositories).join(', ') || 'none';
    throw new AppError('not_found', `connectors.git has no repository ${name}; it has: ${names}.`, {
      details: { class: 'permanent', effect: 'none' },
    });
  }
  return {
    name,
    url: found.url,
    defaultBranch: found.default_branch,
    branches: found.branches,
    egress: found.egress,
  };
}

/** @throws AppError `forbidden` when the branch is not on the repository's list. */
export function assertBranchAllowed(repository: Repository, branch: string): void {
  if (repository.branches.includes(branch)) return;
  throw new AppError(
    'forbidden',
    `Branch ${branch} of ${repository.name} is not listed in connectors.git; listed: ${repository.branches.join(', ')}.`,
    { details: { class: 'permanent', effect: 'none', reason: 'branch_not_listed' } },
  );
}

/** The canonical URI that leases and allow-lists compare. */
export function branchTarget(repository: string, branch: string): string {
  return `git:${repository}/refs/heads/${branch}`;
}

export function isLocal(url: string): boolean {
  return url.startsWith('/') && !url.split('/').includes('..');
}

function isHttps(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const parsed = new URL(url);
  return parsed.protocol === 'https:' && parsed.username === '' && parsed.password === '';
}

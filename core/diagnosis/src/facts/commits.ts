import type { JsonObject, JsonValue } from '@carapulse/kernel';
import { asArray, asObject, asRevision, asText } from './read-json.ts';

export interface Commit {
  readonly revision: string;
  readonly parents: readonly string[];
  readonly subject: string;
  readonly author: string;
  /** Paths that it changes; null when the evidence does not say. */
  readonly paths: readonly string[] | null;
  /** Unified diff; null when the evidence does not hold it. */
  readonly diff: string | null;
}

/** Commits of a `git.log` output, in its order. */
export function readCommits(data: JsonValue): readonly Commit[] | null {
  const output = asObject(data);
  if (output === null || !Array.isArray(output['commits'])) return null;
  return asArray(output['commits']).flatMap((item) => readCommit(asObject(item)) ?? []);
}

/** The commit of a `git.show` output. */
export function readShownCommit(data: JsonValue): Commit | null {
  const output = asObject(data);
  const inner = asObject(output?.['commit']);
  const commit = readCommit(inner === null ? output : { ...output, ...inner });
  return commit;
}

function readCommit(item: JsonObject | null): Commit | null {
  const revision =
    asRevision(item?.['revision']) ?? asRevision(item?.['commit']) ?? asRevision(item?.['hash']);
  if (item === null || revision === null) return null;
  return {
    revision,
    parents: asArray(item['parents']).flatMap((parent) => asRevision(parent) ?? []),
    subject: (asText(item['subject']) ?? '').slice(0, 200),
    author: (asText(item['author']) ?? asText(asObject(item['author'])?.['name']) ?? '').slice(0, 200),
    paths: readPaths(item),
    diff: asText(item['diff']) ?? asText(item['patch']),
  };
}

function readPaths(item: JsonObject): readonly string[] | null {
  const files = item['files'] ?? item['paths'];
  if (!Array.isArray(files)) return null;
  return asArray(files).flatMap((file) => asText(file) ?? asText(asObject(file)?.['path']) ?? []);
}

import type { JsonObject, JsonValue } from '@carapulse/kernel';
import type { Evidence } from '../evidence.ts';
import { readCommits, readShownCommit, type Commit } from './commits.ts';
import {
  asArray,
  asInstant,
  asObject,
  asRevision,
  asText,
  httpBody,
  httpJson,
  parseJson,
} from './read-json.ts';

export interface Deployment {
  readonly revision: string;
  readonly atMs: number;
  readonly succeeded: boolean;
}

export interface ProbeSample {
  readonly atMs: number;
  readonly ok: boolean;
  readonly revision: string | null;
}

export interface LogError {
  readonly atMs: number | null;
  readonly revision: string | null;
  /** Who the service was talking to, when the line says so in a field of its own. */
  readonly upstream: string | null;
  readonly text: string;
}

export interface DependencyProbe {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** One kind of evidence, read: null when there is none, so that "nothing happened" and "not seen" stay apart. */
export interface Known<T> {
  readonly items: T;
  readonly evidence_ids: readonly string[];
}

/** What the evidence says, typed. Texts in it are compared and quoted, never interpreted. */
export interface Facts {
  /** Oldest first. */
  readonly deployments: Known<readonly Deployment[]> | null;
  /** Oldest first. */
  readonly samples: Known<readonly ProbeSample[]> | null;
  readonly logErrors: Known<readonly LogError[]> | null;
  /** Newest first, as on the branch. */
  readonly commits: Known<readonly Commit[]> | null;
  /** Commits with their diffs, by revision. */
  readonly shown: ReadonlyMap<string, Commit & { readonly evidence_id: string }>;
  readonly dependencies: Known<readonly DependencyProbe[]> | null;
}

export function collectFacts(evidence: readonly Evidence[]): Facts {
  const shown = new Map<string, Commit & { evidence_id: string }>();
  for (const item of evidence) {
    const commit = item.kind === 'git_show' ? readShownCommit(item.data) : null;
    if (commit !== null) shown.set(commit.revision, { ...commit, evidence_id: item.evidence_id });
  }
  return {
    deployments: sorted(known(evidence, 'deployments', (data) => readItems(data, readDeployment))),
    samples: sorted(known(evidence, 'probe_samples', (data) => readItems(data, readSample))),
    logErrors: known(evidence, 'service_log', readLogErrors),
    commits: known(evidence, 'git_log', readCommits),
    shown,
    dependencies: known(evidence, 'dependency_probe', (data, item) => readDependency(data, item)),
  };
}

function known<T>(
  evidence: readonly Evidence[],
  kind: string,
  read: (data: JsonValue, item: Evidence) => readonly T[] | null,
): Known<readonly T[]> | null {
  const ids: string[] = [];
  const items: T[] = [];
  for (const item of evidence) {
    if (item.kind !== kind) continue;
    const found = read(item.data, item);
    if (found === null) continue;
    ids.push(item.evidence_id);
    items.push(...found);
  }
  return ids.length === 0 ? null : { items, evidence_ids: ids };
}

function sorted<T extends { readonly atMs: number }>(
  facts: Known<readonly T[]> | null,
): Known<readonly T[]> | null {
  return facts && { ...facts, items: facts.items.toSorted((a, b) => a.atMs - b.atMs) };
}

function readItems<T>(data: JsonValue, read: (item: JsonObject) => T | null): readonly T[] | null {
  const body = asObject(httpJson(data));
  if (body === null || !Array.isArray(body['items'])) return null;
  return asArray(body['items']).flatMap((item) => {
    const object = asObject(item);
    const one = object && read(object);
    return one === null ? [] : [one];
  });
}

function readDeployment(item: JsonObject): Deployment | null {
  const revision = asRevision(item['revision']);
  const atMs = asInstant(item['deployed_at']);
  if (revision === null || atMs === null) return null;
  return { revision, atMs, succeeded: item['status'] === 'succeeded' };
}

function readSample(item: JsonObject): ProbeSample | null {
  const atMs = asInstant(item['at']);
  if (atMs === null || typeof item['ok'] !== 'boolean') return null;
  return { atMs, ok: item['ok'], revision: asRevision(item['revision']) };
}

const ERROR_LEVELS = /^(error|err|fatal|critical|panic|alert|emerg)$/i;
const MAX_LINES = 5000;
const MAX_TEXT = 2000;

function readLogErrors(data: JsonValue): readonly LogError[] | null {
  const body = httpBody(data);
  if (body === null) return null;
  return body
    .split('\n')
    .slice(-MAX_LINES)
    .flatMap((line) => {
      const entry = asObject(parseJson(line));
      const level = asText(entry?.['level']) ?? asText(entry?.['severity']) ?? '';
      return entry !== null && ERROR_LEVELS.test(level) ? [readLogError(entry)] : [];
    });
}

function readLogError(entry: JsonObject): LogError {
  const texts = ['msg', 'message', 'error', 'err', 'reason'].flatMap((field) => asText(entry[field]) ?? []);
  return {
    atMs: asInstant(entry['ts']) ?? asInstant(entry['time']) ?? asInstant(entry['timestamp']),
    revision: asRevision(entry['revision']),
    upstream: asText(entry['upstream']) ?? asText(entry['dependency']) ?? asText(entry['peer']),
    text: texts.join(': ').slice(0, MAX_TEXT),
  };
}

function readDependency(data: JsonValue, item: Evidence): readonly DependencyProbe[] | null {
  const answer = asObject(data);
  if (answer === null) return null;
  const status = typeof answer['status'] === 'number' ? answer['status'] : 0;
  const ok = status >= 200 && status < 500;
  return [{ name: item.source.target, ok, detail: status === 0 ? 'no answer' : `status ${status}` }];
}

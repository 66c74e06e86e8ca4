import type { Alert, Incident } from '@carapulse/incident';
import { canonicalHash, toTimestamp, type JsonObject } from '@carapulse/kernel';
import type { Evidence } from './evidence.ts';
import { collectFacts } from './facts/facts.ts';
import type { ServiceProfile } from './service-profile.ts';
import { readTimeline, suspectCommits } from './timeline.ts';

/** One read that would tell something: a call of a read action, as data. */
export interface EvidenceQuery {
  /** Identity of the call; a query is asked once. */
  readonly key: string;
  /** `kind` of the evidence that the answer becomes. */
  readonly kind: string;
  readonly tool: string;
  readonly action: string;
  readonly input: JsonObject;
  readonly target: string;
  /** What it would tell, for people. */
  readonly what: string;
}

export interface EvidenceNeed {
  readonly incident: Incident;
  readonly alerts: readonly Alert[];
  /** Null when nothing is configured for the service. */
  readonly profile: ServiceProfile | null;
  /** RFC 3339. */
  readonly now: string;
  readonly evidence: readonly Evidence[];
  /** Keys of the queries already made, failed ones included. */
  readonly asked: ReadonlySet<string>;
}

const LOOK_BACK_MS = 2 * 3_600_000;
const LOG_LINES = 500;
const SAMPLES = 1000;
const COMMITS = 50;
/** More suspects than this are not shown one by one; the diagnosis says which were left out. */
export const MAX_SUSPECTS = 20;

/**
 * The reads to make next, none of them made before. Call it in rounds, with what came back, until it has no more: the
 * first asks what happened, the second looks into the commits that the first made suspects. Every input is literal and
 * comes from the profile or from a commit id; nothing of an alert's text is in one.
 */
export function evidenceQueries(need: EvidenceNeed): readonly EvidenceQuery[] {
  if (need.profile === null) return [];
  const all = [...firstRound(need, need.profile), ...suspects(need, need.profile)];
  return all.filter((query) => !need.asked.has(query.key));
}

function firstRound(need: EvidenceNeed, profile: ServiceProfile): readonly EvidenceQuery[] {
  const { deployments, logs, probes } = profile.endpoints;
  const since = sinceInstant(need);
  return [
    ...optional(probes, (url) =>
      get(
        'probe_samples',
        withQuery(url, { since, limit: String(SAMPLES) }),
        'when the service failed and which revision answered',
      ),
    ),
    ...optional(deployments, (url) => get('deployments', url, 'what was deployed when')),
    ...optional(logs, (url) =>
      get(
        'service_log',
        withQuery(url, { tail: String(LOG_LINES) }),
        'what the service itself complains about',
      ),
    ),
    query('git_log', 'git', 'log', profile.repository, 'which commits there are', {
      repository: profile.repository,
      branch: profile.branch,
      limit: COMMITS,
    }),
    ...profile.depends_on.flatMap(({ name, probe }) =>
      optional(probe, (url) =>
        query('dependency_probe', 'http', 'probe', name, `whether ${name} itself answers`, { url }),
      ),
    ),
  ];
}

function suspects(need: EvidenceNeed, profile: ServiceProfile): readonly EvidenceQuery[] {
  const facts = collectFacts(need.evidence);
  const suspected = suspectCommits(facts, readTimeline(facts, need.alerts, need.incident));
  return (suspected ?? []).slice(0, MAX_SUSPECTS).map(({ revision }) =>
    query('git_show', 'git', 'show', profile.repository, `what commit ${revision.slice(0, 12)} changed`, {
      repository: profile.repository,
      branch: profile.branch,
      revision,
    }),
  );
}

function sinceInstant({ incident, alerts, now }: EvidenceNeed): string {
  const starts = [incident.opened_at, ...alerts.map((alert) => alert.starts_at)].map((at) => Date.parse(at));
  const nowMs = Date.parse(now);
  // A start in the future or long ago is the sender's clock or a lie; the look back stays bounded either way.
  const onset = Math.max(Math.min(nowMs, ...starts), nowMs - 24 * 3_600_000);
  return toTimestamp(onset - LOOK_BACK_MS);
}

/** Asked once by its address: the window in its parameters may move while an investigation goes on. */
function get(kind: string, url: string, what: string): EvidenceQuery {
  const [target = url] = url.split('?');
  const key = canonicalHash({ kind, target });
  return { key, kind, tool: 'http', action: 'get', input: { url }, target, what };
}

function query(
  kind: string,
  tool: string,
  action: string,
  target: string,
  what: string,
  input: JsonObject,
): EvidenceQuery {
  return { key: canonicalHash({ kind, tool, action, input }), kind, tool, action, input, target, what };
}

function withQuery(url: string, parameters: Readonly<Record<string, string>>): string {
  const full = new URL(url);
  for (const [name, value] of Object.entries(parameters)) full.searchParams.set(name, value);
  return full.href;
}

function optional<T>(value: string | undefined, make: (value: string) => T): readonly T[] {
  return value === undefined ? [] : [make(value)];
}

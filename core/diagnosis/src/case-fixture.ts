import type { Alert, Incident } from '@carapulse/incident';
import { canonicalHash, toTimestamp, type JsonValue } from '@carapulse/kernel';
import type { Evidence } from './evidence.ts';
import { ServiceProfile } from './service-profile.ts';

/** Commits of the fixture's branch, oldest first; each is forty of its letter. */
export const commitId = (letter: string): string => letter.repeat(40);

export const START_MS = Date.UTC(2026, 10, 21, 10);
const iso = (second: number): string => toTimestamp(START_MS + second * 1000);

export const FIXTURE_INCIDENT: Incident = {
  incident_id: 'inc_01jd7q8z9abcdefghjkmnpqrst',
  tenant_id: 'default',
  status: 'open',
  title: 'CheckoutErrors on checkout',
  severity: 'critical',
  service: 'checkout',
  context: { tenant_id: 'default', environment: 'production' },
  group_key: 'checkout',
  opened_at: iso(63),
  updated_at: iso(63),
  resolved_at: null,
  revision: 1,
};

export const FIXTURE_ALERT: Alert = {
  alert_id: 'al_01jd7q8z9abcdefghjkmnpqrst',
  tenant_id: 'default',
  fingerprint: '1a2b3c4d5e6f7a8b',
  status: 'firing',
  labels: {
    alertname: 'CheckoutErrors',
    service: 'checkout',
    severity: 'critical',
    environment: 'production',
  },
  annotations: {},
  starts_at: iso(63),
  ends_at: null,
  generator_url: '',
  received_at: iso(64),
  deliveries: 1,
  incident_id: FIXTURE_INCIDENT.incident_id,
};

export const FIXTURE_PROFILE = ServiceProfile.parse({
  repository: 'shop',
  paths: ['services/checkout'],
  endpoints: {
    probe: 'http://127.0.0.1:9000/checkout',
    deployments: 'http://127.0.0.1:9001/applications/checkout/history',
    logs: 'http://127.0.0.1:9001/applications/checkout/logs',
    probes: 'http://127.0.0.1:9001/probes/checkout',
  },
  dependents: ['storefront'],
  depends_on: [{ name: 'inventory', probe: 'http://127.0.0.1:9002/healthz' }],
});

let counter = 0;

export function evidence(
  kind: string,
  tool: string,
  action: string,
  target: string,
  data: JsonValue,
): Evidence {
  counter += 1;
  return {
    evidence_id: `ev_${kind}_${counter}`,
    kind,
    source: { tool, action, target },
    collected_at: iso(70),
    data,
    digest: canonicalHash(data),
  };
}

const answer = (body: string): JsonValue => ({ status: 200, body });

/** Samples one a second: `run(from, to, revision, ok)` pieces one after the other. */
export function samples(
  ...runs: ReadonlyArray<{ from: number; to: number; revision: string | null; ok: boolean }>
): Evidence {
  const items = runs.flatMap(({ from, to, revision, ok }) =>
    Array.from({ length: to - from }, (_, index) => ({
      sequence: from + index + 1,
      at: iso(from + index),
      ok,
      status: ok ? 200 : 504,
      revision,
      duration_ms: 40,
    })),
  );
  return evidence(
    'probe_samples',
    'http',
    'get',
    'probes',
    answer(JSON.stringify({ state: 'broken', items })),
  );
}

export function deployments(
  ...items: ReadonlyArray<{ second: number; revision: string; status?: string }>
): Evidence {
  const history = items.map(({ second, revision, status }, id) => ({
    id,
    revision,
    deployed_at: iso(second),
    status: status ?? 'succeeded',
    message: 'deployed',
  }));
  return evidence('deployments', 'http', 'get', 'history', answer(JSON.stringify({ items: history })));
}

export function serviceLog(
  ...lines: ReadonlyArray<{ second: number; revision: string; error: string }>
): Evidence {
  const text = lines.map(({ second, revision, error }) =>
    JSON.stringify({
      ts: iso(second),
      level: 'error',
      revision,
      msg: 'checkout failed',
      upstream: 'inventory',
      error,
    }),
  );
  return evidence('service_log', 'http', 'get', 'logs', answer(['not json', ...text].join('\n')));
}

export interface FixtureCommit {
  readonly letter: string;
  readonly subject: string;
  readonly path: string;
  readonly diff: string;
}

/** A git log, newest first, of commits given oldest first. */
export function gitLog(commits: readonly FixtureCommit[]): Evidence {
  const records = commits.map(({ letter, subject }, index) => ({
    revision: commitId(letter),
    parents: index === 0 ? [] : [commitId(commits[index - 1]?.letter ?? '')],
    author: 'Jun Okafor',
    subject,
  }));
  return evidence('git_log', 'git', 'log', 'shop', {
    repository: 'shop',
    commits: records.toReversed(),
    truncated: false,
  });
}

export function gitShow({ letter, subject, path, diff }: FixtureCommit): Evidence {
  return evidence('git_show', 'git', 'show', 'shop', {
    revision: commitId(letter),
    parents: [],
    author: 'Jun Okafor',
    subject,
    files: [{ path, added: 1, deleted: 1 }],
    diff,
  });
}

const hunk = (before: string, after: string): string =>
  [
    '@@ -5,7 +5,7 @@',
    '   "upstreams": {',
    '     "inventory": {',
    `-      ${before}`,
    `+      ${after}`,
    '     }',
  ].join('\n');

export const GOOD: FixtureCommit = {
  letter: 'a',
  subject: 'Runbook for checkout',
  path: 'docs/runbooks/checkout.md',
  diff: '+# Checkout',
};
export const BAD: FixtureCommit = {
  letter: 'b',
  subject: 'checkout: fail fast when inventory is slow',
  path: 'services/checkout/config.json',
  diff: hunk('"timeout_ms": 600', '"timeout_ms": 20'),
};
export const UNRELATED: FixtureCommit = {
  letter: 'c',
  subject: 'checkout: allow sixty items',
  path: 'services/checkout/config.json',
  diff: ['@@ -3,3 +3,3 @@', '-    "max_items": 50', '+    "max_items": 60'].join('\n'),
};
export const ELSEWHERE: FixtureCommit = {
  letter: 'd',
  subject: 'storefront: 4.12.0',
  path: 'services/storefront/values.json',
  diff: '-  "tag": "4.11.1"\n+  "tag": "4.12.0"',
};

export const ERROR_20 = 'inventory did not answer within 20 ms';

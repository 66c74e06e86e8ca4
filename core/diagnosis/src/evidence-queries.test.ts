import { describe, expect, it } from 'vitest';
import {
  BAD,
  commitId,
  deployments,
  ELSEWHERE,
  FIXTURE_ALERT,
  FIXTURE_INCIDENT,
  FIXTURE_PROFILE,
  gitLog,
  GOOD,
  samples,
} from './case-fixture.ts';
import type { Evidence } from './evidence.ts';
import { evidenceQueries, type EvidenceNeed } from './evidence-queries.ts';

const need = (change: Partial<EvidenceNeed> = {}): EvidenceNeed => ({
  incident: FIXTURE_INCIDENT,
  alerts: [FIXTURE_ALERT],
  profile: FIXTURE_PROFILE,
  now: '2026-11-21T10:01:10.000Z',
  evidence: [],
  asked: new Set(),
  ...change,
});
const broken: readonly Evidence[] = [
  samples(
    { from: 0, to: 60, revision: commitId('a'), ok: true },
    { from: 60, to: 70, revision: commitId('d'), ok: false },
  ),
  deployments({ second: 60, revision: commitId('d') }),
  gitLog([GOOD, BAD, ELSEWHERE]),
];

describe('evidenceQueries', () => {
  it('asks first what happened, with inputs from the profile alone', () => {
    const queries = evidenceQueries(need());
    expect(queries.map((query) => query.kind)).toEqual([
      'probe_samples',
      'deployments',
      'service_log',
      'git_log',
      'dependency_probe',
    ]);
    expect(queries[0]?.input).toEqual({
      url: 'http://127.0.0.1:9001/probes/checkout?since=2026-11-21T08%3A01%3A03.000Z&limit=1000',
    });
    expect(queries[3]?.input).toEqual({ repository: 'shop', branch: 'main', limit: 50 });
  });

  it('then looks into the suspects, and then has no more to ask', () => {
    const first = evidenceQueries(need());
    const asked = new Set(first.map((query) => query.key));
    const second = evidenceQueries(need({ evidence: broken, asked }));
    expect(second.map((query) => [query.kind, query.input['revision']])).toEqual([
      ['git_show', commitId('d')],
      ['git_show', commitId('b')],
    ]);
    for (const query of second) asked.add(query.key);
    expect(evidenceQueries(need({ evidence: broken, asked }))).toEqual([]);
  });

  it('puts nothing of an alert into a call, and bounds the look back whatever time it claims', () => {
    const hostile = {
      ...FIXTURE_ALERT,
      labels: { service: 'checkout', url: 'http://evil.example', revision: '--upload-pack=x' },
      starts_at: '1970-01-01T00:00:00.000Z',
    };
    const queries = evidenceQueries(need({ alerts: [hostile] }));
    expect(JSON.stringify(queries)).not.toMatch(/evil|upload-pack/);
    expect(queries[0]?.input['url']).toContain('since=2026-11-20T08%3A01%3A10.000Z');
  });

  it('asks nothing of a service that is not configured', () => {
    expect(evidenceQueries(need({ profile: null }))).toEqual([]);
  });
});

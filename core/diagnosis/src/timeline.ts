import type { Alert, Incident } from '@carapulse/incident';
import type { Commit } from './facts/commits.ts';
import type { Deployment, Facts, ProbeSample } from './facts/facts.ts';

/** When it began and what ran on both sides of that instant. */
export interface Timeline {
  readonly onsetMs: number;
  /** Who says when it began: samples saw it, logs wrote it, or only the alert claims it. */
  readonly onsetFrom: 'samples' | 'log' | 'alert';
  /** Revision that was last seen to work, or that ran before, and the one that fails. */
  readonly lastGood: string | null;
  readonly firstBad: string | null;
  /** True when samples saw `lastGood` work and `firstBad` fail. */
  readonly observed: boolean;
  /** Good samples of the failing revision itself before the onset. */
  readonly goodOnFailing: number;
  /** The last successful deployment at or before the onset. */
  readonly lastDeployment: Deployment | null;
}

/** So many samples of one kind in a row count as a state; fewer may be chance. */
export const STEADY = 3;
// A deployment is written down after it took effect, so its record may be a little younger than the first failure.
const RECORD_LAG_MS = 5000;

export function readTimeline(facts: Facts, alerts: readonly Alert[], incident: Incident): Timeline {
  const samples = facts.samples?.items ?? [];
  const bad = firstOfLastFailure(samples);
  const logged = facts.logErrors?.items.find((error) => error.atMs !== null)?.atMs ?? null;
  const claimed = Math.min(
    ...[incident.opened_at, ...alerts.map((alert) => alert.starts_at)].map((at) => Date.parse(at)),
  );
  const onsetMs = bad === null ? (logged ?? claimed) : bad.first.atMs;
  const deployments = (facts.deployments?.items ?? []).filter((each) => each.succeeded);
  const running = deployments.filter((each) => each.atMs <= onsetMs + (bad === null ? 0 : RECORD_LAG_MS));
  const lastDeployment = running.at(-1) ?? null;
  const firstBad = bad?.revision ?? lastDeployment?.revision ?? null;
  const before = previousRevision(deployments, firstBad);
  const goodBefore = samples.filter((sample) => sample.ok && sample.atMs < onsetMs);
  const goodOnFailing = goodBefore.filter((sample) => sample.revision === firstBad).length;
  const lastGoodSeen = goodBefore.findLast((sample) => sample.revision !== null)?.revision ?? null;
  // One or two good samples of a new revision are its first moments, not proof that it works.
  const seen =
    lastGoodSeen === firstBad && goodOnFailing < STEADY ? otherGood(goodBefore, firstBad) : lastGoodSeen;
  return {
    onsetMs,
    onsetFrom: bad === null ? (logged === null ? 'alert' : 'log') : 'samples',
    lastGood: seen ?? before,
    firstBad,
    observed: bad !== null && bad.revision !== null && seen !== null && bad.count >= STEADY,
    goodOnFailing,
    lastDeployment,
  };
}

/**
 * Commits that came into what runs when it began to fail: after `lastGood` up to `firstBad`, newest first. Null when
 * the evidence cannot tell; empty when nothing came in.
 */
export function suspectCommits(facts: Facts, timeline: Timeline): readonly Commit[] | null {
  const commits = facts.commits?.items;
  if (commits === undefined || timeline.firstBad === null || timeline.lastGood === null) return null;
  if (timeline.firstBad === timeline.lastGood) return [];
  const from = commits.findIndex((commit) => commit.revision === timeline.firstBad);
  const to = commits.findIndex((commit) => commit.revision === timeline.lastGood);
  // An older revision that was deployed again brings no commit in; that is a rollback, and not for this analysis.
  return from < 0 || to < 0 || to < from ? null : commits.slice(from, to);
}

interface Failure {
  readonly first: ProbeSample;
  readonly revision: string | null;
  readonly count: number;
}

/** The latest failure that lasted: its first sample after a steady good time, the revision that failed, how often. */
function firstOfLastFailure(samples: readonly ProbeSample[]): Failure | null {
  let good = STEADY;
  let failure: ProbeSample[] = [];
  let last: ProbeSample[] = [];
  for (const sample of samples) {
    if (sample.ok) {
      good += 1;
      continue;
    }
    if (good >= STEADY) failure = [];
    good = 0;
    failure.push(sample);
    if (failure.length >= STEADY) last = failure;
  }
  const first = last[0] ?? failure[0];
  if (first === undefined) return null;
  const run = last.length === 0 ? failure : last;
  return {
    first,
    revision: run.find((sample) => sample.revision !== null)?.revision ?? null,
    count: run.length,
  };
}

function previousRevision(deployments: readonly Deployment[], revision: string | null): string | null {
  const index = deployments.findIndex((deployment) => deployment.revision === revision);
  return index <= 0 ? null : (deployments[index - 1]?.revision ?? null);
}

function otherGood(good: readonly ProbeSample[], revision: string | null): string | null {
  return (
    good.findLast((sample) => sample.revision !== null && sample.revision !== revision)?.revision ?? null
  );
}

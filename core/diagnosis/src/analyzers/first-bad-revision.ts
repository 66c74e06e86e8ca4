import type { Exclusion, Finding } from '@carapulse/incident';
import { toTimestamp } from '@carapulse/kernel';
import { MAX_SUSPECTS } from '../evidence-queries.ts';
import type { Commit } from '../facts/commits.ts';
import { sharedTerms, type SharedTerms } from '../shared-terms.ts';
import { suspectCommits } from '../timeline.ts';
import type { Analyzer, Case, Missing } from './analyzer.ts';

interface Suspect {
  readonly commit: Commit;
  readonly shared: SharedTerms;
  readonly evidence_ids: readonly string[];
}

/**
 * Which commit first broke the service: those that came into what runs at the onset, less those that change nothing
 * the service reads, told apart by what the errors and the diffs have in common.
 * `certain`: one suspect, seen good before and bad with it, and its diff holds what the errors name. `likely`: one of
 * the two. `possible`: only the time fits.
 */
export const firstBadRevision: Analyzer = {
  name: 'first-bad-revision',
  cause: 'bad_change',
  analyze(subject) {
    const { facts, timeline } = subject;
    const missing = missingEvidence(subject);
    const commits = suspectCommits(facts, timeline);
    if (commits === null || commits.length === 0) return { missing };
    const { relevant, excluded, unread } = splitByPath(subject, commits);
    const ranked = rank(relevant);
    return {
      findings: ranked.slice(0, 3).map((suspect) => finding(subject, suspect, ranked)),
      excluded,
      missing: [...missing, ...unread],
    };
  },
};

function missingEvidence({ facts, timeline }: Case): readonly Missing[] {
  const missing: Missing[] = [];
  if (facts.commits === null)
    missing.push({ what: 'commits of the repository', reason: 'no git log was read' });
  if (facts.samples === null && facts.deployments === null) {
    missing.push({
      what: 'which revision ran when',
      reason: 'neither probe samples nor deployments were read',
    });
  } else if (timeline.firstBad !== null && timeline.lastGood === null) {
    missing.push({
      what: 'a revision that worked',
      reason: 'the evidence does not reach back to before the failure',
    });
  } else if (facts.commits !== null && suspectCommits(facts, timeline) === null) {
    missing.push({
      what: 'the commits between the working and the failing revision',
      reason: 'the git log does not hold both in that order',
    });
  }
  return missing;
}

function splitByPath(subject: Case, commits: readonly Commit[]) {
  const relevant: Suspect[] = [];
  const excluded: Exclusion[] = [];
  const unread: Missing[] = [];
  for (const [index, listed] of commits.entries()) {
    const shown = subject.facts.shown.get(listed.revision);
    const commit = shown ?? listed;
    const evidence_ids =
      shown === undefined ? (subject.facts.commits?.evidence_ids ?? []) : [shown.evidence_id];
    const paths = commit.paths ?? (commit.diff === null ? null : pathsOfDiff(commit.diff));
    if (paths !== null && !touchesService(paths, subject.profile.paths)) {
      excluded.push({
        analyzer: 'first-bad-revision',
        hypothesis: `commit ${short(commit)} broke ${subject.incident.service ?? 'the service'}`,
        reason: `it changes nothing that the service reads (${list(paths)})`,
        evidence_ids: [...evidence_ids],
      });
      continue;
    }
    if (commit.diff === null) {
      const reason =
        index < MAX_SUSPECTS ? 'it could not be read' : `only the newest ${MAX_SUSPECTS} suspects are read`;
      unread.push({ what: `what commit ${short(commit)} changed`, reason });
    }
    relevant.push({ commit, shared: compareWithErrors(subject, commit), evidence_ids });
  }
  return { relevant, excluded, unread };
}

function compareWithErrors({ facts, timeline, incident }: Case, commit: Commit): SharedTerms {
  const after = (facts.logErrors?.items ?? []).filter(
    (error) => error.atMs === null || error.atMs >= timeline.onsetMs - 5000,
  );
  const texts = [...new Set(after.map((error) => `${error.text} ${error.upstream ?? ''}`))];
  return sharedTerms(texts, commit.diff ?? '', incident.service === null ? [] : [incident.service]);
}

/** Strongest link to the errors first; equals keep the order of the branch, newest first. */
function rank(suspects: readonly Suspect[]): readonly Suspect[] {
  return suspects.toSorted((a, b) => score(b) - score(a));
}

function score({ shared }: Suspect): number {
  return shared.changed.length * 3 + Math.min(shared.nearby.length, 2);
}

function finding(subject: Case, suspect: Suspect, ranked: readonly Suspect[]): Finding {
  const { facts, timeline, profile, incident } = subject;
  const { commit, shared } = suspect;
  const alone = ranked.length === 1;
  const linked = shared.changed.length > 0;
  const best =
    ranked.filter((other) => score(other) === score(suspect)).length === 1 && suspect === ranked[0];
  const told = alone || (linked && best);
  const confidence =
    told && timeline.observed && linked
      ? 'certain'
      : told && (timeline.observed || linked)
        ? 'likely'
        : 'possible';
  return {
    analyzer: 'first-bad-revision',
    cause: 'bad_change',
    statement: statement(subject, suspect, alone).slice(0, 2000),
    object: { kind: 'git_commit', id: commit.revision },
    confidence: !alone && confidence === 'certain' ? 'likely' : confidence,
    evidence_ids: [
      ...new Set([
        ...(facts.samples?.evidence_ids ?? []),
        ...(facts.deployments?.evidence_ids ?? []),
        ...(facts.commits?.evidence_ids ?? []),
        ...suspect.evidence_ids,
        ...(linked ? (facts.logErrors?.evidence_ids ?? []) : []),
      ]),
    ],
    values: {
      commit: commit.revision,
      short_commit: short(commit),
      repository: profile.repository,
      branch: profile.branch,
      service: incident.service ?? '',
      last_good_revision: timeline.lastGood ?? '',
      first_bad_revision: timeline.firstBad ?? '',
      onset: toTimestamp(timeline.onsetMs),
      suspects: ranked.length,
    },
  };
}

function statement({ timeline, incident }: Case, { commit, shared }: Suspect, alone: boolean): string {
  const onset = toTimestamp(timeline.onsetMs);
  const seen = timeline.observed
    ? `${incident.service ?? 'The service'} worked on ${revision(timeline.lastGood)} and has failed since ${onset} on ${revision(timeline.firstBad)}`
    : `The failure began at ${onset}, after ${revision(timeline.firstBad)} was deployed`;
  const which = alone
    ? `commit ${short(commit)} “${commit.subject}” by ${commit.author} is the only change in it that the service reads`
    : `commit ${short(commit)} “${commit.subject}” by ${commit.author} is one of the changes in it`;
  const link =
    shared.changed.length === 0
      ? 'its diff has nothing in common with the errors'
      : `the errors name what it changed (${list([...shared.changed, ...shared.nearby])})`;
  return `${seen}; ${which}; ${link}.`;
}

function touchesService(paths: readonly string[], owned: readonly string[]): boolean {
  if (owned.length === 0) return true;
  return paths.some((path) => owned.some((own) => path === own || path.startsWith(own.replace(/\/?$/, '/'))));
}

function pathsOfDiff(diff: string): readonly string[] {
  return [...diff.matchAll(/^(?:\+\+\+ b|--- a)\/(.+)$/gm)].flatMap(([, path]) => path ?? []);
}

const short = (commit: Commit): string => commit.revision.slice(0, 12);
const revision = (id: string | null): string => (id === null ? 'an unknown revision' : id.slice(0, 12));

function list(items: readonly string[]): string {
  const shown = items.slice(0, 5).join(', ');
  return items.length > 5 ? `${shown} and ${items.length - 5} more` : shown || 'no files';
}

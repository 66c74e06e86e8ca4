import type { Finding } from '@carapulse/incident';
import type { DependencyProbe, LogError } from '../facts/facts.ts';
import type { Analyzer, Case, Verdict } from './analyzer.ts';

const UNREACHABLE =
  /ECONNREFUSED|ECONNRESET|ETIMEDOUT|EHOSTUNREACH|ENOTFOUND|EAI_AGAIN|connection (?:refused|reset)|timed? ?-?out|did not answer|no route to host|socket hang up|answered 5\d\d|bad gateway|unavailable/i;

/**
 * A service that this one needs does not answer: its own errors say so while nothing of it changed. With a change at
 * the onset the errors alone prove nothing, since a bad change of ours makes the same ones.
 */
export const dependencyDown: Analyzer = {
  name: 'dependency-down',
  cause: 'dependency_failure',
  analyze(subject) {
    const { facts, timeline } = subject;
    if (facts.logErrors === null)
      return { missing: [{ what: 'errors of the service', reason: 'no log was read' }] };
    const complaints = facts.logErrors.items.filter(
      (error) =>
        UNREACHABLE.test(error.text) && (error.atMs === null || error.atMs >= timeline.onsetMs - 5000),
    );
    const accused = accusedOf(subject, complaints);
    if (accused === null) return {};
    const probe = facts.dependencies?.items.find((each) => each.name === accused.name) ?? null;
    const changed = timeline.firstBad !== timeline.lastGood || timeline.firstBad === null;
    if (changed && probe?.ok !== false) return notShown(subject, accused.name, probe?.ok === true);
    return { findings: [finding(subject, accused, probe, changed)] };
  },
};

const PROBED: Readonly<Record<string, string>> = {
  false: '; a probe of it fails too',
  true: '; yet its own probe answers, so it may be only partly down',
};

interface Accused {
  readonly name: string;
  readonly complaints: readonly LogError[];
}

/** Who most complaints are about: the field of the log line, else a configured dependency that the text names. */
function accusedOf({ profile }: Case, complaints: readonly LogError[]): Accused | null {
  const byName = new Map<string, LogError[]>();
  for (const complaint of complaints) {
    const text = complaint.text.toLowerCase();
    const name =
      profile.depends_on.find((each) => each.name === complaint.upstream)?.name ??
      profile.depends_on.find((each) => text.includes(each.name.toLowerCase()))?.name ??
      complaint.upstream;
    if (name === null || name === '') continue;
    byName.set(name, [...(byName.get(name) ?? []), complaint].slice(-1000));
  }
  const most = [...byName].toSorted(([, a], [, b]) => b.length - a.length)[0];
  return most === undefined ? null : { name: most[0].slice(0, 253), complaints: most[1] };
}

function notShown({ facts, incident }: Case, name: string, answers: boolean): Verdict {
  if (!answers) {
    return {
      missing: [
        {
          what: `whether ${name} itself answers`,
          reason: `what ${incident.service ?? 'the service'} runs changed at the onset, so its complaints alone do not tell`,
        },
      ],
    };
  }
  return {
    excluded: [
      {
        analyzer: 'dependency-down',
        hypothesis: `${name} is down altogether`,
        reason: `${name} answers its own probe, and the complaints about it began with a change of ours`,
        evidence_ids: [...(facts.dependencies?.evidence_ids ?? [])],
      },
    ],
  };
}

function finding(subject: Case, accused: Accused, probe: DependencyProbe | null, changed: boolean): Finding {
  const probedDown = probe?.ok === false;
  const { facts, incident } = subject;
  const service = incident.service ?? 'the service';
  const sample = accused.complaints.at(-1)?.text.slice(0, 300) ?? '';
  const known = subject.profile.depends_on.some((each) => each.name === accused.name);
  const unchanged = changed ? '' : ', while the revision that runs had worked before';
  const confidence = probedDown && !changed ? 'certain' : probedDown || known ? 'likely' : 'possible';
  return {
    analyzer: 'dependency-down',
    cause: 'dependency_failure',
    statement: `${service} cannot do its work because ${accused.name} does not answer it: ${accused.complaints.length} errors such as “${sample}”${unchanged}${PROBED[String(probe?.ok)] ?? ''}.`,
    object: { kind: 'service', id: accused.name },
    confidence,
    evidence_ids: [
      ...(facts.logErrors?.evidence_ids ?? []),
      ...(facts.samples?.evidence_ids ?? []),
      ...(probedDown ? (facts.dependencies?.evidence_ids ?? []) : []),
    ],
    values: { service: incident.service ?? '', dependency: accused.name, errors: accused.complaints.length },
  };
}

import type { Alert, Exclusion, Finding, Incident } from '@carapulse/incident';
import type { Case, Missing } from './analyzers/analyzer.ts';
import { ANALYZERS } from './analyzers/registry.ts';
import type { Evidence } from './evidence.ts';
import { collectFacts } from './facts/facts.ts';
import type { ServiceProfile } from './service-profile.ts';
import { readTimeline } from './timeline.ts';

export interface DiagnosisInput {
  readonly incident: Incident;
  readonly alerts: readonly Alert[];
  readonly profile: ServiceProfile | null;
  readonly evidence: readonly Evidence[];
  /** Queries that could not be answered, with why. */
  readonly missing: readonly Missing[];
}

export interface Diagnosis {
  /** Ranked, strongest first. Empty means that it abstains. */
  readonly findings: readonly Finding[];
  readonly excluded: readonly Exclusion[];
  readonly missing: readonly Missing[];
  /** The same for people. */
  readonly conclusion: string;
}

const CONFIDENCE = ['certain', 'likely', 'possible'] as const;

/** Names the causes that the evidence supports, what it excludes and what was missing. Deterministic; no model. */
export function diagnose(input: DiagnosisInput): Diagnosis {
  if (input.profile === null) {
    const name = input.incident.service ?? 'the service of this incident';
    const missing = [
      ...input.missing,
      { what: `a profile of ${name}`, reason: `the configuration has no context.services entry for it` },
    ];
    return { findings: [], excluded: [], missing, conclusion: conclude([], [], missing) };
  }
  const facts = collectFacts(input.evidence);
  const timeline = readTimeline(facts, input.alerts, input.incident);
  const subject: Case = { ...input, profile: input.profile, facts, timeline };
  const verdicts = ANALYZERS.map((analyzer) => analyzer.analyze(subject));
  const findings = verdicts
    .flatMap((verdict) => verdict.findings ?? [])
    .toSorted((a, b) => CONFIDENCE.indexOf(a.confidence) - CONFIDENCE.indexOf(b.confidence));
  const excluded = verdicts.flatMap((verdict) => verdict.excluded ?? []);
  const missing = distinct([...input.missing, ...verdicts.flatMap((verdict) => verdict.missing ?? [])]);
  return { findings, excluded, missing, conclusion: conclude(findings, excluded, missing) };
}

function conclude(
  findings: readonly Finding[],
  excluded: readonly Exclusion[],
  missing: readonly Missing[],
): string {
  const first = findings[0];
  const lines = [
    first === undefined ? 'No cause is named.' : `${capital(first.confidence)}: ${first.statement}`,
    ...findings.slice(1).map((other) => `Also ${other.confidence}: ${other.statement}`),
    ...excluded.map((each) => `Excluded: ${each.hypothesis}, because ${each.reason}.`),
    ...missing.map((each) => `Missing: ${each.what} (${each.reason}).`),
  ];
  let text = '';
  for (const line of lines) {
    if (text.length + line.length > 3900) return `${text}\n… and more`.trim();
    text = `${text}\n${line}`;
  }
  return text.trim();
}

const capital = (word: string): string => `${word.charAt(0).toUpperCase()}${word.slice(1)}`;

function distinct(missing: readonly Missing[]): readonly Missing[] {
  return [...new Map(missing.map((each) => [each.what, each])).values()];
}

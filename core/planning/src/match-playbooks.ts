import type { Diagnosis, ServiceProfile } from '@carapulse/diagnosis';
import type { Alert, Finding, Incident } from '@carapulse/incident';
import { displayText, evaluateExpectations } from '@carapulse/plan';
import { bindParameters, type ParameterValues } from './bind-parameters.ts';
import type { LoadedPlaybook } from './parse-playbook.ts';
import type { Condition, LabelMatcher } from './playbook.ts';
import { lookUp, needsRead, resolveValue, type Scope } from './references.ts';

export interface MatchInput {
  readonly playbooks: readonly LoadedPlaybook[];
  readonly incident: Incident;
  readonly alerts: readonly Alert[];
  readonly diagnosis: Pick<Diagnosis, 'findings'>;
  readonly profile: ServiceProfile | null;
}

/** Whether a playbook fits, with the reasons: every one that held, or those that did not. */
export type PlaybookMatch =
  | {
      readonly matched: true;
      readonly playbook: LoadedPlaybook;
      readonly because: readonly string[];
      readonly finding: Finding | null;
      readonly parameters: ParameterValues;
    }
  | { readonly matched: false; readonly playbook: LoadedPlaybook; readonly because: readonly string[] };

export type MatchedPlaybook = Extract<PlaybookMatch, { matched: true }>;

const CONFIDENCE = ['certain', 'likely', 'possible'] as const;

/**
 * Holds every playbook against an incident. Those that match come first, the surest finding first, then the more
 * particular playbook, then by name; the others follow by name. The order and the reasons are a function of the input.
 */
export function matchPlaybooks(input: MatchInput): readonly PlaybookMatch[] {
  return input.playbooks.map((playbook) => matchOne(playbook, input)).toSorted(compareMatches);
}

function matchOne(loaded: LoadedPlaybook, input: MatchInput): PlaybookMatch {
  const { match } = loaded.playbook;
  const refuse = (...because: string[]): PlaybookMatch => ({ matched: false, playbook: loaded, because });
  const because: string[] = [];

  const alert = matchAlert(match.alerts, input.alerts);
  if (alert === null) return refuse(alertRefusal(match.alerts, input.alerts));
  if (match.alerts.length > 0) {
    because.push(
      `alert ${displayText(alert.labels['alertname'] ?? alert.fingerprint)} has ${match.alerts.map(describe).join(', ')}`,
    );
  }

  const finding = matchFinding(loaded, input.diagnosis.findings);
  if (typeof finding === 'string') return refuse(finding);
  if (finding !== null) because.push(`cause ${finding.cause} is ${finding.confidence} (${finding.analyzer})`);
  if (match.cause !== 'recovered' && input.diagnosis.findings.some((each) => each.cause === 'recovered')) {
    return refuse('the service works again already');
  }

  const bound = bindParameters(loaded.playbook, { ...input, alert, finding });
  if (bound.kind === 'unbound') return refuse(...bound.because);
  const failed = failedConditions(
    loaded.playbook.conditions.filter((condition) => !needsRead(condition)),
    { parameters: bound.values, reads: {}, createdAt: '' },
  );
  if (failed.length > 0) return refuse(...failed);
  return { matched: true, playbook: loaded, because, finding, parameters: bound.values };
}

/** What is said of the conditions that do not hold, each without a full stop: they are joined to a sentence. */
export function failedConditions(conditions: readonly Condition[], scope: Scope): readonly string[] {
  return conditions
    .filter((condition) => !holds(condition, scope))
    .map(({ otherwise, detail }) => {
      const told = detail === undefined ? undefined : lookUp(detail.$ref, scope);
      return typeof told === 'string'
        ? `${otherwise}: ${displayText(told).slice(0, MAX_TOLD).toWellFormed().replace(/\.$/, '')}`
        : otherwise;
    });
}

const MAX_TOLD = 500;

function holds({ of, op, value }: Condition, scope: Scope): boolean {
  const found = lookUp(of.$ref, scope);
  const wanted = resolveValue(value ?? null, scope);
  if (found === undefined) return op === 'exists' && wanted === false;
  return evaluateExpectations([{ pointer: '', op, value: wanted }], found) === 'met';
}

/** The first firing alert, by start and fingerprint, that meets every matcher. */
function matchAlert(matchers: readonly LabelMatcher[], alerts: readonly Alert[]): Alert | null {
  const firing = firingAlerts(alerts);
  return firing.find((alert) => matchers.every((matcher) => meets(matcher, alert))) ?? null;
}

function firingAlerts(alerts: readonly Alert[]): readonly Alert[] {
  return alerts
    .filter((alert) => alert.status === 'firing')
    .toSorted((a, b) => compareText(`${a.starts_at} ${a.fingerprint}`, `${b.starts_at} ${b.fingerprint}`));
}

function alertRefusal(matchers: readonly LabelMatcher[], alerts: readonly Alert[]): string {
  const firing = firingAlerts(alerts);
  if (firing.length === 0) return 'no alert of the incident is firing';
  const unmet = matchers.filter((matcher) => !firing.some((alert) => meets(matcher, alert)));
  return unmet.length === 0
    ? `no single firing alert has ${matchers.map(describe).join(', ')}`
    : `no firing alert has ${unmet.map(describe).join(', ')}`;
}

function matchFinding(loaded: LoadedPlaybook, findings: readonly Finding[]): Finding | string | null {
  const { cause, confidence } = loaded.playbook.match;
  if (cause === undefined) return null;
  const named = findings.filter((finding) => finding.cause === cause);
  if (named.length === 0) {
    const causes = [...new Set(findings.map((finding) => finding.cause))];
    return `no finding names ${cause}${causes.length === 0 ? '; the diagnosis abstained' : `; it names ${causes.join(', ')}`}`;
  }
  const sure = named.find(
    (finding) => CONFIDENCE.indexOf(finding.confidence) <= CONFIDENCE.indexOf(confidence),
  );
  return sure ?? `${cause} is only ${named[0]?.confidence}; the playbook wants at least ${confidence}`;
}

function meets(matcher: LabelMatcher, alert: Alert): boolean {
  const value = Object.hasOwn(alert.labels, matcher.label) ? alert.labels[matcher.label] : undefined;
  switch (matcher.op) {
    case 'eq':
      return value === matcher.value;
    case 'ne':
      return value !== matcher.value;
    case 'in':
      return value !== undefined && matcher.values.includes(value);
    default:
      return value !== undefined;
  }
}

function describe(matcher: LabelMatcher): string {
  switch (matcher.op) {
    case 'eq':
      return `${matcher.label}=${matcher.value}`;
    case 'ne':
      return `${matcher.label}≠${matcher.value}`;
    case 'in':
      return `${matcher.label} in (${matcher.values.join(', ')})`;
    default:
      return `a label ${matcher.label}`;
  }
}

function compareMatches(a: PlaybookMatch, b: PlaybookMatch): number {
  return rank(a) - rank(b) || specificity(b) - specificity(a) || compareText(nameOf(a), nameOf(b));
}

function rank(match: PlaybookMatch): number {
  if (!match.matched) return CONFIDENCE.length + 1;
  return match.finding === null ? CONFIDENCE.length : CONFIDENCE.indexOf(match.finding.confidence);
}

function specificity(match: PlaybookMatch): number {
  return match.matched ? match.playbook.playbook.match.alerts.length : 0;
}

const nameOf = (match: PlaybookMatch): string => match.playbook.playbook.name;

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

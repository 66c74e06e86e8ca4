import type { Alert, Exclusion, Finding, Incident } from '@carapulse/incident';
import type { Facts } from '../facts/facts.ts';
import type { ServiceProfile } from '../service-profile.ts';
import type { Timeline } from '../timeline.ts';

/** What an analyzer looks at. */
export interface Case {
  readonly incident: Incident;
  readonly alerts: readonly Alert[];
  readonly profile: ServiceProfile;
  readonly facts: Facts;
  readonly timeline: Timeline;
}

/** Evidence that an analyzer would have needed. */
export interface Missing {
  readonly what: string;
  readonly reason: string;
}

/** What one analyzer says. All empty means that it abstains without having missed anything. */
export interface Verdict {
  readonly findings?: readonly Finding[];
  readonly excluded?: readonly Exclusion[];
  readonly missing?: readonly Missing[];
}

/** One family of causes. Pure: the same evidence gives the same verdict. */
export interface Analyzer {
  readonly name: string;
  /** The cause that it can name; playbooks match on it. */
  readonly cause: string;
  analyze(subject: Case): Verdict;
}

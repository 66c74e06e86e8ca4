import type { Alert, Finding, Incident } from '@carapulse/incident';
import type { JsonValue } from '@carapulse/kernel';
import type { ServiceProfile } from '@carapulse/diagnosis';
import { valueAt } from '@carapulse/plan';
import type { Parameter, Playbook } from './playbook.ts';

/** Where parameters take from. */
export interface ParameterSources {
  readonly incident: Incident;
  readonly alert: Alert | null;
  readonly finding: Finding | null;
  readonly profile: ServiceProfile | null;
}

export type ParameterValues = Readonly<Record<string, string | number | boolean>>;

export type BoundParameters =
  | { readonly kind: 'bound'; readonly values: ParameterValues }
  | { readonly kind: 'unbound'; readonly because: readonly string[] };

const CHARSETS: Readonly<Record<Extract<Parameter, { type: 'string' }>['charset'], RegExp>> = {
  hex: /^[0-9a-f]+$/,
  name: /^[A-Za-z0-9_][A-Za-z0-9._-]*$/,
  path: /^(?!.*(?:^|\/)\.\.(?:\/|$))[A-Za-z0-9._/][A-Za-z0-9._/@:+-]*$/,
  url: /^https?:\/\/[A-Za-z0-9.[\]:-]+(?:[/?#][A-Za-z0-9._~:/?#[\]@!$&'()*+,;=%-]*)?$/,
};

/** Takes each parameter from its one source and holds it to its type. What does not fit is a reason, never mended. */
export function bindParameters(playbook: Playbook, sources: ParameterSources): BoundParameters {
  const values: Record<string, string | number | boolean> = {};
  const because: string[] = [];
  for (const [name, parameter] of Object.entries(playbook.parameters)) {
    const raw = take(parameter.from, sources);
    const fault =
      raw === undefined || raw === null ? `${describe(parameter.from)} is not there` : misfit(parameter, raw);
    if (fault === null) values[name] = raw as string | number | boolean; // `misfit` held it to the type
    else because.push(`parameter ${name}: ${fault}`);
  }
  return because.length === 0 ? { kind: 'bound', values } : { kind: 'unbound', because };
}

function take(from: Parameter['from'], sources: ParameterSources): JsonValue | undefined {
  if ('literal' in from) return from.literal;
  if ('alert_label' in from) return own(sources.alert?.labels, from.alert_label);
  if ('finding' in from) return own(sources.finding?.values, from.finding);
  if ('profile' in from) {
    return sources.profile === null ? undefined : valueAt(sources.profile as JsonValue, from.profile);
  }
  switch (from.incident) {
    case 'service':
      return sources.incident.service;
    case 'severity':
      return sources.incident.severity;
    default:
      return sources.incident.context[from.incident];
  }
}

function misfit(parameter: Parameter, value: JsonValue): string | null {
  switch (parameter.type) {
    case 'string':
      if (typeof value !== 'string') return 'it is not a text';
      if (value.length > parameter.max_length) return `it is longer than ${parameter.max_length} characters`;
      return CHARSETS[parameter.charset].test(value)
        ? null
        : `it holds more than the charset ${parameter.charset} allows`;
    case 'integer': {
      const fits =
        typeof value === 'number' &&
        Number.isInteger(value) &&
        value >= parameter.min &&
        value <= parameter.max;
      return fits ? null : `it is not a whole number from ${parameter.min} to ${parameter.max}`;
    }
    case 'boolean':
      return typeof value === 'boolean' ? null : 'it is neither true nor false';
    default:
      return typeof value === 'string' && parameter.values.includes(value)
        ? null
        : `it is none of ${parameter.values.join(', ')}`;
  }
}

function describe(from: Parameter['from']): string {
  if ('alert_label' in from) return `the label ${from.alert_label} of the alert`;
  if ('finding' in from) return `the value ${from.finding} of the finding`;
  if ('profile' in from) return `${from.profile} of the service profile`;
  if ('incident' in from) return `the incident's ${from.incident}`;
  return 'the literal';
}

function own<T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}

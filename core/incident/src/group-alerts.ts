import { canonicalHash, canonicalJson, type ContextRef } from '@carapulse/kernel';
import type { IncomingAlert } from './alertmanager-webhook.ts';
import type { Incident } from './incident.ts';
import type { IncidentSettings } from './incident-settings.ts';

/** Alerts of one notification that belong to one incident, oldest firing first. */
export interface AlertGroup {
  readonly group_key: string;
  readonly service: string | null;
  readonly severity: Incident['severity'];
  readonly context: ContextRef;
  readonly title: string;
  readonly alerts: readonly IncomingAlert[];
}

const CONTEXT_FIELDS = [
  'environment',
  'cluster_id',
  'namespace',
  'aws_account_id',
  'region',
  'argocd_project',
] as const;
const SEVERITIES: ReadonlyArray<Incident['severity']> = ['critical', 'warning', 'info', 'unknown'];
// A name that is shown, compared and looked up; text outside it is not a name and counts as absent.
const NAME = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,252}$/;

/**
 * Sorts alerts into incidents-to-be: those of one service in one place belong together, an alert that names no service
 * stands by its alert name. The order of the groups is that of their first alert. Linear in the number of alerts.
 */
export function groupAlerts(
  alerts: readonly IncomingAlert[],
  settings: IncidentSettings,
  tenantId: string,
): readonly AlertGroup[] {
  const groups = new Map<string, { service: string | null; context: ContextRef; alerts: IncomingAlert[] }>();
  for (const alert of alerts) {
    const service = firstName(alert.labels, settings.labels.service);
    const context = contextOf(alert, service, settings, tenantId);
    const key = groupKey(service, context, alert);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { service, context, alerts: [alert] });
    else group.alerts.push(alert);
  }
  return [...groups].map(([group_key, group]) => ({
    group_key,
    service: group.service,
    severity: groupSeverity(group.alerts, settings),
    context: group.context,
    title: groupTitle(group.service, group.alerts),
    alerts: group.alerts.toSorted((a, b) => compare(a.starts_at, b.starts_at) || compare(a.status, b.status)),
  }));
}

/** The worst of two severities; `unknown` is the least. */
export function worseSeverity(a: Incident['severity'], b: Incident['severity']): Incident['severity'] {
  return SEVERITIES.indexOf(a) <= SEVERITIES.indexOf(b) ? a : b;
}

/** Severity of one alert by its labels and the configured mapping; `unknown` when no label maps. */
export function alertSeverity(
  labels: Readonly<Record<string, string>>,
  settings: IncidentSettings,
): Incident['severity'] {
  for (const name of settings.labels.severity) {
    const value = own(labels, name)?.toLowerCase();
    const severity = value === undefined ? undefined : own(settings.severities, value);
    if (severity !== undefined) return severity;
  }
  return 'unknown';
}

function contextOf(
  alert: IncomingAlert,
  service: string | null,
  settings: IncidentSettings,
  tenantId: string,
): ContextRef {
  const known = service === null ? undefined : own(settings.service_context, service);
  const context: Record<string, string> = {
    tenant_id: tenantId,
    environment: settings.default_environment,
  };
  for (const field of CONTEXT_FIELDS) {
    const value = known?.[field] ?? firstName(alert.labels, settings.labels[field]);
    if (value !== null) context[field] = value;
  }
  return context as ContextRef; // the fields are ContextRef's own and NAME is narrower than its strings
}

function groupKey(service: string | null, context: ContextRef, alert: IncomingAlert): string {
  const { tenant_id: _tenant, ...place } = context;
  const what =
    service === null ? { alert: own(alert.labels, 'alertname') ?? alert.fingerprint } : { service };
  const key = canonicalJson({ ...place, ...what });
  return key.length <= 900 ? key : canonicalHash(key);
}

function groupSeverity(alerts: readonly IncomingAlert[], settings: IncidentSettings): Incident['severity'] {
  return alerts.reduce<Incident['severity']>(
    (worst, alert) => worseSeverity(worst, alertSeverity(alert.labels, settings)),
    'unknown',
  );
}

function groupTitle(service: string | null, alerts: readonly IncomingAlert[]): string {
  const name = (alerts[0] && own(alerts[0].labels, 'alertname')) ?? 'Alert';
  const where = service === null ? '' : ` on ${service}`;
  const summary =
    alerts[0] && (own(alerts[0].annotations, 'summary') ?? own(alerts[0].annotations, 'description'));
  return cut(`${name}${where}${summary === undefined || summary === '' ? '' : `: ${summary}`}`, 500);
}

function firstName(labels: Readonly<Record<string, string>>, names: readonly string[]): string | null {
  for (const name of names) {
    const value = own(labels, name);
    if (value !== undefined && NAME.test(value)) return value;
  }
  return null;
}

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

function cut(value: string, max: number): string {
  if (value.length <= max) return value;
  const head = value.slice(0, max - 1);
  return `${head.isWellFormed() ? head : head.slice(0, -1)}…`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

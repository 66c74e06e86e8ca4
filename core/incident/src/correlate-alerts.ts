import type { Alert } from './alert.ts';
import type { IncomingAlert } from './alertmanager-webhook.ts';
import { worseSeverity, type AlertGroup } from './group-alerts.ts';
import type { Incident } from './incident.ts';

/** An incident that is not closed, with the alerts that belong to it. */
export interface OpenIncident {
  readonly incident: Incident;
  readonly alerts: readonly Alert[];
}

/**
 * What a group of alerts does to the record. `opened`: insert the incident. `updated`, `resolved`, `reopened`: update it
 * at `expected_revision`. `resent`: only the alerts change. `ignored`: nothing does. In each case upsert `alerts`.
 */
export interface Correlation {
  readonly kind: 'opened' | 'updated' | 'resolved' | 'reopened' | 'resent' | 'ignored';
  readonly group_key: string;
  readonly incident: Incident | null;
  readonly expected_revision: number | null;
  readonly alerts: readonly Alert[];
  /** True when an investigation should start by itself: a new incident, or one that came back and does not flap. */
  readonly investigate: boolean;
  readonly ignored: ReadonlyArray<{ readonly fingerprint: string; readonly reason: string }>;
}

export interface CorrelationInput {
  readonly tenantId: string;
  readonly groups: readonly AlertGroup[];
  /** By group key: the incident that is not closed, if there is one. */
  readonly open: ReadonlyMap<string, OpenIncident>;
  readonly receivedAt: string;
  readonly flapWindowMs: number;
  readonly newIncidentId: () => string;
  readonly newAlertId: () => string;
}

/**
 * Decides what each group of a notification does: pure, idempotent for resends, linear in the number of alerts.
 * A resolution counts only for the firing that it ends, so one that arrives late never ends a newer firing.
 */
export function correlateAlerts(input: CorrelationInput): readonly Correlation[] {
  return input.groups.map((group) => correlateGroup(group, input.open.get(group.group_key), input));
}

type Ignored = { fingerprint: string; reason: string };

function correlateGroup(
  group: AlertGroup,
  open: OpenIncident | undefined,
  input: CorrelationInput,
): Correlation {
  const incidentId = open?.incident.incident_id ?? input.newIncidentId();
  const known = new Map((open?.alerts ?? []).map((alert) => [alert.fingerprint, alert]));
  const touched = new Map<string, Alert>();
  const ignored: Ignored[] = [];
  let changed = false;
  for (const alert of group.alerts) {
    const before = known.get(alert.fingerprint);
    const refusal = reasonToIgnore(alert, before, input.receivedAt);
    if (refusal !== null) {
      ignored.push({ fingerprint: alert.fingerprint, reason: refusal });
      continue;
    }
    const after = mergeAlert(alert, before, incidentId, input);
    changed ||= before?.status !== after.status || before.starts_at !== after.starts_at;
    known.set(alert.fingerprint, after);
    touched.set(alert.fingerprint, after);
  }
  const alerts = [...touched.values()];
  const base = { group_key: group.group_key, alerts, ignored };
  if (alerts.length === 0) {
    return { ...base, kind: 'ignored', incident: null, expected_revision: null, investigate: false };
  }
  const firing = [...known.values()].some((alert) => alert.status === 'firing');
  if (open === undefined) {
    const incident = openIncident(group, incidentId, alerts, firing, input);
    return { ...base, kind: 'opened', incident, expected_revision: null, investigate: firing };
  }
  return changeIncident(group, open.incident, { ...base, changed, firing }, input);
}

function reasonToIgnore(alert: IncomingAlert, before: Alert | undefined, receivedAt: string): string | null {
  if (before === undefined) {
    return alert.status === 'resolved' ? 'resolved, and its firing was never seen' : null;
  }
  // A clock that was ahead and is right again: nothing that fires now would ever be newer than what fired then.
  if (before.status === 'resolved' && Date.parse(before.starts_at) > Date.parse(receivedAt)) return null;
  if (alert.starts_at < before.starts_at) return 'an older firing of this alert';
  if (alert.status === 'firing' && before.status === 'resolved' && alert.starts_at <= before.starts_at) {
    return 'this firing has resolved already';
  }
  return null;
}

function mergeAlert(
  alert: IncomingAlert,
  before: Alert | undefined,
  incidentId: string,
  input: CorrelationInput,
): Alert {
  const sameFiring = before !== undefined && before.starts_at === alert.starts_at;
  return {
    alert_id: before?.alert_id ?? input.newAlertId(),
    tenant_id: input.tenantId,
    fingerprint: alert.fingerprint,
    status: alert.status,
    labels: { ...alert.labels },
    annotations: { ...alert.annotations },
    starts_at: alert.starts_at,
    ends_at: alert.status === 'resolved' ? (alert.ends_at ?? input.receivedAt) : null,
    generator_url: alert.generator_url,
    received_at: input.receivedAt,
    deliveries: sameFiring ? before.deliveries + 1 : 1,
    incident_id: incidentId,
  };
}

function openIncident(
  group: AlertGroup,
  incidentId: string,
  alerts: readonly Alert[],
  firing: boolean,
  input: CorrelationInput,
): Incident {
  return {
    incident_id: incidentId,
    tenant_id: input.tenantId,
    status: firing ? 'open' : 'resolved',
    title: group.title,
    severity: group.severity,
    service: group.service,
    context: group.context,
    group_key: group.group_key,
    opened_at: alerts.map((alert) => alert.starts_at).reduce((a, b) => (a < b ? a : b)),
    updated_at: input.receivedAt,
    resolved_at: firing ? null : input.receivedAt,
    revision: 1,
  };
}

function changeIncident(
  group: AlertGroup,
  incident: Incident,
  seen: Pick<Correlation, 'group_key' | 'alerts' | 'ignored'> & { changed: boolean; firing: boolean },
  input: CorrelationInput,
): Correlation {
  const { changed, firing, ...base } = seen;
  const severity = worseSeverity(incident.severity, group.severity);
  if (!changed && severity === incident.severity) {
    return { ...base, kind: 'resent', incident, expected_revision: null, investigate: false };
  }
  const next: Incident = {
    ...incident,
    severity,
    updated_at: input.receivedAt,
    revision: incident.revision + 1,
  };
  const common = { ...base, expected_revision: incident.revision };
  if (firing && incident.status === 'resolved') {
    const quietMs = Date.parse(input.receivedAt) - Date.parse(incident.resolved_at ?? incident.updated_at);
    return {
      ...common,
      kind: 'reopened',
      incident: { ...next, status: 'open', resolved_at: null },
      // Negative: the clock was set back since, and nobody knows how long it was quiet.
      investigate: quietMs > input.flapWindowMs || quietMs < 0,
    };
  }
  if (!firing && incident.status !== 'resolved') {
    return {
      ...common,
      kind: 'resolved',
      incident: { ...next, status: 'resolved', resolved_at: input.receivedAt },
      investigate: false,
    };
  }
  return { ...common, kind: 'updated', incident: next, investigate: false };
}

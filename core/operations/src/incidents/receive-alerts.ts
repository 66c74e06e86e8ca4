import {
  correlateAlerts,
  groupAlerts,
  parseAlertmanagerWebhook,
  type Correlation,
  type Incident,
  type IncomingAlert,
  type OpenIncident,
} from '@carapulse/incident';
import { newId, toTimestamp } from '@carapulse/kernel';
import { z } from 'zod';
import type { Committed, WriteOperation } from '../operation.ts';
import { holdPlans } from '../plans/hold-plans.ts';
import type { StoreTransaction } from '../ports/index.ts';
import type { Services } from '../services.ts';
import { incidentUpdated } from './move-incident.ts';
import { queuedInvestigation } from './queued-investigation.ts';

/** Groups committed at once, so that a storm holds the database in short turns. */
const GROUPS_PER_COMMIT = 50;

export interface AlertReceipt {
  readonly received: number;
  readonly incidents: ReadonlyArray<{ readonly incident_id: string; readonly kind: Correlation['kind'] }>;
  readonly ignored: ReadonlyArray<{ readonly fingerprint: string; readonly reason: string }>;
  /** Alerts of the notification that could not be used, by their place in it. */
  readonly rejected: ReadonlyArray<{ readonly index: number; readonly detail: string }>;
}

/**
 * Takes a notification in Alertmanager's webhook format: deduplicates, groups into incidents, queues the first
 * investigation of each new one, and holds plans not yet dispatched of each that resolved. Safe to resend: what was
 * recorded counts as one more delivery.
 */
export const receiveAlerts: WriteOperation<unknown, AlertReceipt> = {
  kind: 'write',
  name: 'receive-alerts',
  permission: 'alert.receive',
  auditAction: 'alert.receive',
  input: z.unknown(),
  run: async ({ actor, services }, body, commit) => {
    const notification = parseAlertmanagerWebhook(body);
    const alerts = notification.alerts.map((alert) => withoutSecrets(alert, services));
    const groups = groupAlerts(alerts, services.incidents, actor.tenant_id);
    const incidents: Array<AlertReceipt['incidents'][number]> = [];
    const ignored: Array<AlertReceipt['ignored'][number]> = [];
    for (let start = 0; start < groups.length; start += GROUPS_PER_COMMIT) {
      const batch = groups.slice(start, start + GROUPS_PER_COMMIT);
      const correlations = await commit(async (tx) => {
        const open = new Map<string, OpenIncident>();
        for (const group of batch) {
          const incident = await tx.openIncidentByGroup(actor.tenant_id, group.group_key);
          if (incident !== null)
            open.set(group.group_key, { incident, alerts: await tx.alerts(incident.incident_id) });
        }
        const result = correlateAlerts({
          tenantId: actor.tenant_id,
          groups: batch,
          open,
          receivedAt: toTimestamp(services.clock.nowMs()),
          flapWindowMs: services.incidents.flap_window_ms,
          newIncidentId: () => newId('incident', services.clock, services.random),
          newAlertId: () => newId('alert', services.clock, services.random),
        });
        const events: Array<Committed<null>['events'][number]> = [];
        for (const correlation of result) events.push(...(await apply(tx, services, correlation)));
        return {
          result,
          audit: {
            action: 'alert.receive',
            phase: 'event',
            subject: { kind: 'alerts', id: notification.group_key },
            outcome: { result: 'ok' },
            details: {
              groups: result.map((each) => ({
                kind: each.kind,
                incident_id: each.incident?.incident_id ?? null,
                alerts: each.alerts.length,
              })),
            },
          },
          events,
        };
      });
      for (const each of correlations) {
        if (each.incident !== null)
          incidents.push({ incident_id: each.incident.incident_id, kind: each.kind });
        ignored.push(...each.ignored);
      }
    }
    if (groups.length === 0) await commit(async () => emptyNotification(notification.group_key));
    return { received: notification.alerts.length, incidents, ignored, rejected: notification.rejected };
  },
};

async function apply(
  tx: StoreTransaction,
  services: Services,
  correlation: Correlation,
): Promise<Committed<null>['events']> {
  const { incident } = correlation;
  if (incident === null) return [];
  if (correlation.kind === 'opened') await tx.insertIncident(incident);
  else if (correlation.expected_revision !== null)
    await tx.updateIncident(incident, correlation.expected_revision);
  for (const alert of correlation.alerts) await tx.upsertAlert(alert);
  const resent = correlation.kind === 'resent';
  if (correlation.investigate || (resent && (await outlastsFlapping(tx, services, incident))))
    await tx.insertInvestigation(queuedInvestigation(services, incident.incident_id, incident.tenant_id));
  if (resent) return [];
  const held =
    correlation.kind === 'resolved'
      ? await holdPlans(tx, services, incident, 'the alerts of its incident have resolved')
      : [];
  return [incidentUpdated(incident), ...held];
}

/** True for an incident that came back within the flap window, is still firing after it, and was not looked into since. */
async function outlastsFlapping(
  tx: StoreTransaction,
  services: Services,
  incident: Incident,
): Promise<boolean> {
  const openMs = services.clock.nowMs() - Date.parse(incident.updated_at);
  if (incident.status !== 'open' || openMs <= services.incidents.flap_window_ms) return false;
  const investigations = await tx.investigations(incident.incident_id);
  return investigations.every((each) => each.queued_at < incident.updated_at);
}

function emptyNotification(groupKey: string): Committed<null> {
  return {
    result: null,
    audit: {
      action: 'alert.receive',
      phase: 'event',
      subject: { kind: 'alerts', id: groupKey },
      outcome: { result: 'ok' },
      details: { groups: [] },
    },
    events: [],
  };
}

/** Senders put connection strings and tokens into labels; incidents are shown to more people than may know them. */
function withoutSecrets(alert: IncomingAlert, { redact }: Services): IncomingAlert {
  const { labels, annotations, generator_url } = alert;
  return { ...alert, ...(redact({ labels, annotations, generator_url }) as Partial<IncomingAlert>) };
}

import { toTimestamp } from '@carapulse/kernel';
import { INCIDENT_TRANSITIONS, type Incident, type IncidentStatus } from '@carapulse/incident';
import type { Committed } from '../operation.ts';
import type { StoreTransaction } from '../ports/index.ts';
import type { Services } from '../services.ts';

/** Moves an incident along if its state machine allows it, else leaves it as it is (resolved and closed stay so). */
export async function moveIncident(
  tx: StoreTransaction,
  services: Pick<Services, 'clock'>,
  tenantId: string,
  incidentId: string,
  to: IncidentStatus,
): Promise<Committed<null>['events']> {
  const incident = await tx.incident(tenantId, incidentId);
  if (incident === null || !INCIDENT_TRANSITIONS[incident.status].includes(to)) return [];
  const moved: Incident = {
    ...incident,
    status: to,
    updated_at: toTimestamp(services.clock.nowMs()),
    revision: incident.revision + 1,
  };
  await tx.updateIncident(moved, incident.revision);
  return [incidentUpdated(moved)];
}

/** The event of an incident that is new or has changed. */
export function incidentUpdated(incident: Incident): Committed<null>['events'][number] {
  return {
    type: 'incident.updated',
    subject_id: incident.incident_id,
    data: { incident_id: incident.incident_id, status: incident.status, title: incident.title },
  };
}

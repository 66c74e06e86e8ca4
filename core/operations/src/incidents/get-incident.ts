import type { Alert, Incident, Investigation } from '@carapulse/incident';
import { AppError, idSchema } from '@carapulse/kernel';
import { z } from 'zod';
import type { ReadOperation } from '../operation.ts';
import type { EvidenceRecord, StoreReads } from '../ports/index.ts';

const Input = z.strictObject({ incident_id: idSchema('incident') });

export interface IncidentDetail {
  readonly incident: Incident;
  readonly alerts: readonly Alert[];
  /** Oldest first. */
  readonly investigations: readonly Investigation[];
  readonly evidence: readonly EvidenceRecord[];
}

/** One incident with its alerts, its investigations and their evidence. */
export const getIncident: ReadOperation<z.infer<typeof Input>, IncidentDetail> = {
  kind: 'read',
  name: 'get-incident',
  permission: 'incident.read',
  input: Input,
  run: ({ actor, services }, { incident_id }) =>
    loadIncidentDetail(services.store.read, actor.tenant_id, incident_id),
};

/** @throws AppError `not_found` also for another tenant's incident. */
export async function loadIncident(
  reads: StoreReads,
  tenantId: string,
  incidentId: string,
): Promise<Incident> {
  const incident = await reads.incident(tenantId, incidentId);
  if (incident === null) {
    throw new AppError(
      'not_found',
      `There is no incident ${incidentId}; \`assistantctl incident list\` shows those there are.`,
    );
  }
  return incident;
}

/** @throws AppError as `loadIncident`. */
export async function loadIncidentDetail(
  reads: StoreReads,
  tenantId: string,
  incidentId: string,
): Promise<IncidentDetail> {
  const incident = await loadIncident(reads, tenantId, incidentId);
  const investigations = await reads.investigations(incidentId);
  const evidence: EvidenceRecord[] = [];
  for (const each of investigations) {
    evidence.push(...(await reads.evidence({ investigationId: each.investigation_id })));
  }
  return { incident, alerts: await reads.alerts(incidentId), investigations, evidence };
}

import { assertIncidentTransition } from '@carapulse/incident';
import { AppError, idSchema, toTimestamp } from '@carapulse/kernel';
import { z } from 'zod';
import type { WriteOperation } from '../operation.ts';
import { loadIncident, loadIncidentDetail, type IncidentDetail } from './get-incident.ts';
import { incidentUpdated } from './move-incident.ts';
import { queued } from './receive-alerts.ts';

const Input = z.strictObject({ incident_id: idSchema('incident'), reason: z.string().min(1).max(500) });
type Input = z.infer<typeof Input>;

/** Closes an incident for good; the same alerts firing again open a new one. */
export const closeIncident: WriteOperation<Input, IncidentDetail> = {
  kind: 'write',
  name: 'close-incident',
  permission: 'incident.write',
  auditAction: 'incident.close',
  input: Input,
  run: async ({ actor, services }, { incident_id, reason }, commit) => {
    await commit(async (tx) => {
      const incident = await loadIncident(tx, actor.tenant_id, incident_id);
      assertIncidentTransition(incident.status, 'closed');
      const at = toTimestamp(services.clock.nowMs());
      const closed = {
        ...incident,
        status: 'closed' as const,
        updated_at: at,
        revision: incident.revision + 1,
      };
      await tx.updateIncident(closed, incident.revision);
      return {
        result: null,
        audit: {
          action: 'incident.close',
          phase: 'event',
          subject: { kind: 'incident', id: incident_id },
          context: incident.context,
          outcome: { result: 'ok' },
          details: { reason },
        },
        events: [incidentUpdated(closed)],
      };
    });
    return loadIncidentDetail(services.store.read, actor.tenant_id, incident_id);
  },
};

/** Queues another investigation. @throws AppError `conflict` while one is under way. */
export const investigateIncident: WriteOperation<Input, IncidentDetail> = {
  kind: 'write',
  name: 'investigate-incident',
  permission: 'incident.write',
  auditAction: 'incident.investigate',
  input: Input,
  run: async ({ actor, services }, { incident_id, reason }, commit) => {
    await commit(async (tx) => {
      const incident = await loadIncident(tx, actor.tenant_id, incident_id);
      const investigations = await tx.investigations(incident_id);
      if (incident.status === 'closed') {
        throw new AppError(
          'conflict',
          `Incident ${incident_id} is closed; there is nothing left to look into.`,
        );
      }
      const running = investigations.find((each) => each.status === 'queued' || each.status === 'running');
      if (running !== undefined) {
        throw new AppError(
          'conflict',
          `Investigation ${running.investigation_id} is under way; wait for it.`,
        );
      }
      await tx.insertInvestigation(queued(services, incident_id, actor.tenant_id));
      return {
        result: null,
        audit: {
          action: 'incident.investigate',
          phase: 'event',
          subject: { kind: 'incident', id: incident_id },
          context: incident.context,
          outcome: { result: 'ok' },
          details: { reason },
        },
        events: [incidentUpdated(incident)],
      };
    });
    return loadIncidentDetail(services.store.read, actor.tenant_id, incident_id);
  },
};

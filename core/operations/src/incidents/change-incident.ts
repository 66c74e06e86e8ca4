import { assertIncidentTransition } from '@carapulse/incident';
import { AppError, idSchema } from '@carapulse/kernel';
import { z } from 'zod';
import type { WriteOperation } from '../operation.ts';
import { holdPlans } from '../plans/hold-plans.ts';
import { loadIncident, loadIncidentDetail, type IncidentDetail } from './get-incident.ts';
import { incidentUpdated, moveIncident } from './move-incident.ts';
import { queuedInvestigation } from './queued-investigation.ts';

const Input = z.strictObject({ incident_id: idSchema('incident'), reason: z.string().min(1).max(500) });
type Input = z.infer<typeof Input>;

/**
 * Closes an incident for good; the same alerts firing again open a new one. Its plans that have not begun are held:
 * alerts that resolve later belong to it no more and could not do that.
 */
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
      const moved = await moveIncident(tx, services, actor.tenant_id, incident_id, 'closed');
      const held = await holdPlans(tx, services, incident, `its incident was closed by ${actor.id}`);
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
        events: [...moved, ...held],
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
      // The revision makes two who ask at once collide: neither sees the other's investigation.
      await tx.updateIncident(incident, incident.revision);
      await tx.insertInvestigation(queuedInvestigation(services, incident_id, actor.tenant_id));
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

import type { Alert, Incident, Investigation } from '@carapulse/incident';
import type { StoreReads, StoreTransaction } from '@carapulse/operations';
import { sql } from 'kysely';
import { toPage } from './page.ts';
import type { Session } from './session.ts';
import { staleRevision } from './store-error.ts';
import { indexKey } from './text.ts';

export type IncidentReads = Pick<
  StoreReads,
  'incident' | 'incidents' | 'alerts' | 'investigations' | 'queuedInvestigations'
>;
export type IncidentWrites = Pick<
  StoreTransaction,
  | 'insertIncident'
  | 'updateIncident'
  | 'openIncidentByGroup'
  | 'upsertAlert'
  | 'insertInvestigation'
  | 'updateInvestigation'
  | 'claimInvestigation'
>;

export function incidentReads(session: Session): IncidentReads {
  return {
    async incident(tenantId, incidentId) {
      const row = await session()
        .selectFrom('incidents')
        .select('document')
        .where('tenant_id', '=', tenantId)
        .where('incident_id', '=', indexKey(incidentId))
        .executeTakeFirst();
      return row?.document ?? null;
    },
    async incidents(tenantId, status, page) {
      let query = session()
        .selectFrom('incidents')
        .select(['incident_id', 'document'])
        .where('tenant_id', '=', tenantId);
      if (status !== null) query = query.where('status', 'in', [...status]);
      if (page.after !== null) query = query.where('incident_id', '<', indexKey(page.after));
      const rows = await query
        .orderBy('incident_id', 'desc')
        .limit(page.limit + 1)
        .execute();
      return toPage(
        rows,
        page,
        (row) => row.incident_id,
        (row) => row.document,
      );
    },
    async alerts(incidentId) {
      const rows = await session()
        .selectFrom('alerts')
        .select('document')
        .where('incident_id', '=', indexKey(incidentId))
        .orderBy('alert_id')
        .execute();
      return rows.map((row) => row.document);
    },
    async investigations(incidentId) {
      const rows = await session()
        .selectFrom('investigations')
        .select('document')
        .where('incident_id', '=', indexKey(incidentId))
        .orderBy('investigation_id')
        .execute();
      return rows.map((row) => row.document);
    },
    async queuedInvestigations(limit) {
      const rows = await session()
        .selectFrom('investigations')
        .select('document')
        .where('status', 'in', ['queued', 'running'])
        .orderBy('queued_at')
        .orderBy('investigation_id')
        .limit(limit)
        .execute();
      return rows.map((row) => row.document);
    },
  };
}

export function incidentWrites(session: Session): IncidentWrites {
  return {
    async insertIncident(incident) {
      await session().insertInto('incidents').values(incidentRow(incident)).execute();
    },
    async updateIncident(incident, expectedRevision) {
      const done = await session()
        .updateTable('incidents')
        .set({ ...incidentRow({ ...incident, revision: expectedRevision + 1 }) })
        .where('incident_id', '=', incident.incident_id)
        .where('tenant_id', '=', incident.tenant_id)
        .where('revision', '=', expectedRevision)
        .executeTakeFirst();
      if (done.numUpdatedRows === 1n) return;
      const found = await session()
        .selectFrom('incidents')
        .select('revision')
        .where('incident_id', '=', incident.incident_id)
        .where('tenant_id', '=', incident.tenant_id)
        .executeTakeFirst();
      throw staleRevision('incident', incident.incident_id, expectedRevision, found?.revision);
    },
    async openIncidentByGroup(tenantId, groupKey) {
      const key = indexKey(groupKey);
      // Who finds none will insert one: the lock makes others of the same group wait and then find it.
      await sql`select pg_advisory_xact_lock(hashtextextended(${`${tenantId}\n${key}`}, 1))`.execute(
        session(),
      );
      const row = await session()
        .selectFrom('incidents')
        .select('document')
        .where('tenant_id', '=', tenantId)
        .where('group_key', '=', key)
        .where('status', '<>', 'closed')
        .forUpdate()
        .executeTakeFirst();
      return row?.document ?? null;
    },
    async upsertAlert(alert) {
      const inserted = await session()
        .insertInto('alerts')
        .values(alertRow(alert))
        .onConflict((conflict) => conflict.columns(['incident_id', 'fingerprint']).doNothing())
        .returning('alert_id')
        .executeTakeFirst();
      if (inserted !== undefined) return 'inserted';
      const { document: known } = await session()
        .selectFrom('alerts')
        .select('document')
        .where('incident_id', '=', alert.incident_id)
        .where('fingerprint', '=', indexKey(alert.fingerprint))
        .forUpdate()
        .executeTakeFirstOrThrow();
      const newer = Date.parse(alert.received_at) >= Date.parse(known.received_at) ? alert : known;
      const merged: Alert = { ...newer, alert_id: known.alert_id, deliveries: known.deliveries + 1 };
      await session()
        .updateTable('alerts')
        .set(alertRow(merged))
        .where('alert_id', '=', known.alert_id)
        .execute();
      return 'updated';
    },
    async insertInvestigation(investigation) {
      await session().insertInto('investigations').values(investigationRow(investigation)).execute();
    },
    async updateInvestigation(investigation) {
      const done = await session()
        .updateTable('investigations')
        .set(investigationRow(investigation))
        .where('investigation_id', '=', investigation.investigation_id)
        .where('tenant_id', '=', investigation.tenant_id)
        .executeTakeFirst();
      if (done.numUpdatedRows === 1n) return;
      throw staleRevision('investigation', investigation.investigation_id, 0, undefined);
    },
    async claimInvestigation(investigationId, process, living) {
      const others = [...living].filter((each) => each !== process);
      let claim = session()
        .updateTable('investigations')
        .set({ process })
        .where('investigation_id', '=', indexKey(investigationId))
        .where('status', 'in', ['queued', 'running']);
      if (others.length > 0) claim = claim.where('process', 'not in', others);
      return (await claim.executeTakeFirst()).numUpdatedRows === 1n;
    },
  };
}

function incidentRow(incident: Incident) {
  return {
    incident_id: incident.incident_id,
    tenant_id: incident.tenant_id,
    status: incident.status,
    group_key: indexKey(incident.group_key),
    revision: incident.revision,
    document: JSON.stringify(incident),
  };
}

function alertRow(alert: Alert) {
  return {
    alert_id: alert.alert_id,
    incident_id: alert.incident_id,
    tenant_id: alert.tenant_id,
    fingerprint: indexKey(alert.fingerprint),
    deliveries: alert.deliveries,
    received_at: alert.received_at,
    document: JSON.stringify(alert),
  };
}

function investigationRow(investigation: Investigation) {
  return {
    investigation_id: investigation.investigation_id,
    incident_id: investigation.incident_id,
    tenant_id: investigation.tenant_id,
    status: investigation.status,
    queued_at: investigation.queued_at,
    plan_id: investigation.plan_id,
    document: JSON.stringify(investigation),
  };
}

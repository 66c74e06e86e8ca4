import { AppError } from '@carapulse/kernel';
import type { EventRecord, EventType, StoreReads, StoreTransaction } from '@carapulse/operations';
import { sql } from 'kysely';
import { sequenceAfter, toPage } from './page.ts';
import type { Session } from './session.ts';
import { freeText } from './text.ts';

export const EVENTS_CHANNEL = 'carapulse_events';
export const EVENT_TYPES = [
  'plan.updated',
  'execution.updated',
  'incident.updated',
  'audit.created',
] as const satisfies readonly EventType[];

export type StreamReads = Pick<
  StoreReads,
  'audit' | 'auditHead' | 'auditSearch' | 'events' | 'evidence' | 'evidenceById'
>;
export type StreamWrites = Pick<StoreTransaction, 'appendAudit' | 'appendEvent' | 'insertEvidence'>;

const EVIDENCE_COLUMNS = [
  'evidence_id',
  'tenant_id',
  'execution_id',
  'investigation_id',
  'plan_id',
  'kind',
  'source',
  'object_key',
  'sha256',
  'bytes',
  'collected_at',
] as const;

export function streamReads(session: Session): StreamReads {
  return {
    audit(tenantId, afterSeq, limit) {
      let query = session().selectFrom('audit_events').selectAll().where('seq', '>', afterSeq);
      if (tenantId !== null) query = query.where('tenant_id', '=', tenantId);
      return query.orderBy('seq').limit(limit).execute();
    },
    async auditHead() {
      const head = await session()
        .selectFrom('stream_head')
        .select(['audit_seq', 'audit_mac'])
        .executeTakeFirstOrThrow();
      return { seq: head.audit_seq, mac: head.audit_mac };
    },
    async auditSearch(tenantId, filter, page) {
      let query = session().selectFrom('audit_events').selectAll().where('tenant_id', '=', tenantId);
      for (const column of ['action', 'actor_id', 'subject_id'] as const) {
        const wanted = filter[column];
        if (wanted !== undefined) query = query.where(column, '=', freeText(wanted));
      }
      if (page.after !== null) query = query.where('seq', '<', sequenceAfter(page.after));
      const rows = await query
        .orderBy('seq', 'desc')
        .limit(page.limit + 1)
        .execute();
      return toPage(
        rows,
        page,
        (row) => String(row.seq),
        (row) => row,
      );
    },
    async events(tenantId, afterSeq, limit) {
      const rows = await session()
        .selectFrom('events')
        .selectAll()
        .where('tenant_id', '=', tenantId)
        .where('seq', '>', afterSeq)
        .orderBy('seq')
        .limit(limit)
        .execute();
      return rows satisfies readonly EventRecord[];
    },
    evidence({ executionId, investigationId }) {
      let query = session().selectFrom('evidence').select(EVIDENCE_COLUMNS);
      if (executionId === undefined && investigationId === undefined) {
        throw new AppError('internal', 'Evidence is listed of an execution or of an investigation.');
      }
      if (executionId !== undefined) query = query.where('execution_id', '=', freeText(executionId));
      if (investigationId !== undefined)
        query = query.where('investigation_id', '=', freeText(investigationId));
      return query.orderBy('evidence_id').execute();
    },
    async evidenceById(evidenceId) {
      const row = await session()
        .selectFrom('evidence')
        .select(EVIDENCE_COLUMNS)
        .where('evidence_id', '=', freeText(evidenceId))
        .executeTakeFirst();
      return row ?? null;
    },
  };
}

export function streamWrites(session: Session): StreamWrites {
  return {
    async appendAudit(chain) {
      const head = await session()
        .selectFrom('stream_head')
        .select(['audit_seq', 'audit_mac'])
        .forUpdate()
        .executeTakeFirstOrThrow();
      const next = chain({ seq: head.audit_seq, mac: head.audit_mac });
      if (next.seq !== head.audit_seq + 1) {
        throw new AppError(
          'internal',
          `Audit record ${next.seq} does not follow the head ${head.audit_seq}.`,
        );
      }
      await sql`
        with head as (
          update stream_head set audit_seq = ${next.seq}, audit_mac = ${next.mac} returning audit_seq, audit_mac
        )
        insert into audit_events (seq, tenant_id, at, action, actor_id, subject_id, record, mac)
        select audit_seq, ${next.tenant_id}, ${next.at}::timestamptz, ${freeText(next.action)},
          ${freeText(next.actor_id)}, ${freeText(next.subject_id)}, ${next.record}, audit_mac
        from head`.execute(session());
      return next;
    },
    async appendEvent(event) {
      // One statement, since each costs the embedded database's only session a turn.
      await sql`
        with head as (update stream_head set event_seq = event_seq + 1 returning event_seq),
        added as (
          insert into events (seq, tenant_id, type, subject_id, at, data)
          select event_seq, ${event.tenant_id}, ${event.type}, ${freeText(event.subject_id)},
            ${event.at}::timestamptz, ${JSON.stringify(event.data)}::json
          from head
          returning type
        )
        select pg_notify(${EVENTS_CHANNEL}, type) from added`.execute(session());
    },
    async insertEvidence(record) {
      await session()
        .insertInto('evidence')
        .values({ ...record, source: JSON.stringify(record.source) })
        .execute();
    },
  };
}

import { AppError } from '@carapulse/kernel';
import type { Alert } from '@carapulse/incident';
import type { IdempotencyClaim, IdempotencyRecord, StoreTransaction } from '../ports/index.ts';
import { memoryReads } from './memory-reads.ts';
import { missing } from './memory-rows.ts';
import { memoryScheduleWrites } from './memory-schedules.ts';
import { keyOf, type Tables } from './tables.ts';

/** The writing half: refuses what the database's constraints refuse, with the codes of the port. */
export function memoryWrites(tables: () => Tables): StoreTransaction {
  return {
    ...memoryReads(tables),
    ...memoryScheduleWrites(tables),
    insertPlan: async (record) => insert(tables().plans, record.plan.plan_id, record, 'plan'),
    updatePlan: async (id, revision, change) => update(tables().plans, id, revision, change, 'plan'),
    insertApproval: async (record) => {
      const { body } = record.statement;
      if (tables().plans.get(record.plan_id)?.plan.plan_hash !== body.plan_hash)
        throw missing('plan', body.plan_hash);
      for (const { plan_id, statement, revoked_at } of tables().approvals.values()) {
        if (plan_id !== record.plan_id) continue;
        const { approver, verdict, nonce } = statement.body;
        const again = approver === body.approver && verdict === body.verdict && revoked_at === null;
        if (again || nonce === body.nonce) throw new AppError('conflict', 'That approval exists already.');
      }
      insert(tables().approvals, record.approval_id, record, 'approval');
    },
    revokeApproval: async (id, by, at) => {
      const known = tables().approvals.get(id);
      if (known === undefined) throw missing('approval', id);
      if (known.revoked_at !== null)
        throw new AppError('conflict', `The approval ${id} was revoked already.`);
      tables().approvals.set(id, { ...known, revoked_by: by, revoked_at: at });
    },
    insertExecution: async (record) => {
      for (const { plan_id } of tables().executions.values()) {
        if (plan_id === record.plan_id)
          throw new AppError('conflict', `Plan ${plan_id} has an execution already.`);
      }
      if (!tables().plans.has(record.plan_id)) throw missing('plan', record.plan_id);
      insert(tables().executions, record.execution_id, record, 'execution');
      const { plan_id, queued_at } = record;
      tables().dispatches.set(record.execution_id, { plan_id, queued_at, completed_at: null });
    },
    updateExecution: async (id, revision, change) =>
      update(tables().executions, id, revision, change, 'execution'),
    completeDispatch: async (id, at) => {
      const row = tables().dispatches.get(id);
      if (row !== undefined && row.completed_at === null)
        tables().dispatches.set(id, { ...row, completed_at: at });
    },
    upsertStep: async (record) => {
      if (!tables().executions.has(record.execution_id)) throw missing('execution', record.execution_id);
      tables().steps.set(keyOf(record.execution_id, record.step_id), record);
    },
    insertCheck: async (record) => {
      if (!tables().executions.has(record.execution_id)) throw missing('execution', record.execution_id);
      tables().checks.push(record);
    },
    appendLogs: async (executionId, lines) => {
      if (lines.length === 0) return;
      if (!tables().executions.has(executionId)) throw missing('execution', executionId);
      const { logs } = tables();
      let seq = logs.filter((row) => row.execution_id === executionId).length;
      for (const line of lines) {
        seq += 1;
        logs.push({ ...line, text: line.text.replaceAll('\0', '\uFFFD'), execution_id: executionId, seq });
      }
    },
    insertIncident: async (incident) => {
      for (const { tenant_id, group_key, status } of tables().incidents.values()) {
        if (tenant_id === incident.tenant_id && group_key === incident.group_key && status !== 'closed')
          throw new AppError('conflict', 'The group has an open incident.', { retryable: true });
      }
      insert(tables().incidents, incident.incident_id, incident, 'incident');
    },
    updateIncident: async (incident, revision) =>
      update(tables().incidents, incident.incident_id, revision, incident, 'incident'),
    openIncidentByGroup: async (tenantId, groupKey) =>
      [...tables().incidents.values()].find(
        (row) => row.tenant_id === tenantId && row.group_key === groupKey && row.status !== 'closed',
      ) ?? null,
    upsertAlert: async (alert) => {
      const key = keyOf(alert.incident_id, alert.fingerprint);
      const known = tables().alerts.get(key);
      tables().alerts.set(key, known === undefined ? alert : redelivered(known, alert));
      return known === undefined ? 'inserted' : 'updated';
    },
    insertInvestigation: async (investigation) =>
      insert(tables().investigations, investigation.investigation_id, investigation, 'investigation'),
    updateInvestigation: async (investigation) => {
      const id = investigation.investigation_id;
      if (tables().investigations.get(id)?.tenant_id !== investigation.tenant_id)
        throw missing('investigation', id);
      tables().investigations.set(id, investigation);
    },
    claimInvestigation: async (id, process, living) => {
      const known = tables().investigations.get(id);
      if (known === undefined || known.ended_at !== null) return false;
      const conductor = tables().conductors.get(id) ?? 0;
      if (conductor !== process && living.has(conductor)) return false;
      tables().conductors.set(id, process);
      return true;
    },
    insertEvidence: async (record) => {
      if ([record.execution_id, record.investigation_id, record.plan_id].every((owner) => owner === null))
        throw new AppError('precondition_failed', 'Evidence belongs to an execution or an investigation.');
      insert(tables().evidence, record.evidence_id, record, 'evidence');
    },
    upsertPlaybook: async (record) => {
      tables().playbooks.set(keyOf(record.tenant_id, record.name), record);
    },
    appendAudit: async (chain) => {
      const last = tables().audit.at(-1);
      const next = chain({ seq: last?.seq ?? 0, mac: last?.mac ?? null });
      if (next.seq !== (last?.seq ?? 0) + 1)
        throw new AppError('internal', `Audit record ${next.seq} is out of line.`);
      tables().audit.push(next);
      return next;
    },
    appendEvent: async (event) => {
      tables().events.push({ ...event, seq: tables().events.length + 1 });
    },
    acquireLeases: async (targets, holder, epoch, nowIso, expiresIso) => {
      for (const target of targets) {
        const held = tables().leases.get(target);
        const open = tables().executions.get(held?.holder ?? '')?.ended_at === null;
        if (held === undefined || held.holder === holder || (held.expires_at <= nowIso && !open)) continue;
        throw new AppError('lease_held', `${target} is being changed by ${held.holder}.`, {
          retryable: true,
          details: { target, holder: held.holder },
        });
      }
      for (const target of targets)
        tables().leases.set(target, { target, holder, epoch, expires_at: expiresIso });
    },
    renewLeases: async (holder, expiresIso) => {
      const mine = [...tables().leases.values()].filter((row) => row.holder === holder);
      for (const row of mine) tables().leases.set(row.target, { ...row, expires_at: expiresIso });
      return mine.length;
    },
    releaseLeases: async (holder) => {
      for (const row of tables().leases.values())
        if (row.holder === holder) tables().leases.delete(row.target);
    },
    claimIdempotency: async (record, living) => {
      if (record.key.includes('\0')) throw new AppError('invalid_input', 'A key has no NUL in it.');
      const key = keyOf(record.principal, record.key);
      const known = tables().idempotency.get(key);
      const left =
        known?.response === null &&
        !known.acted &&
        known.epoch !== record.epoch &&
        !living.has(known.epoch) &&
        known.request_digest === record.request_digest;
      if (known !== undefined && !left) return { kind: 'known', record: known };
      tables().idempotency.set(key, record);
      return { kind: 'new' };
    },
    actIdempotency: async (claim) => {
      const known = running(tables(), claim);
      if (known === null)
        throw new AppError('fenced', `The idempotency key ${claim.key} is another process's now.`);
      tables().idempotency.set(keyOf(claim.principal, claim.key), { ...known, acted: true });
    },
    completeIdempotency: async (claim, response) => {
      const known = running(tables(), claim);
      if (known === null) throw new AppError('conflict', `The idempotency key ${claim.key} is not running.`);
      tables().idempotency.set(keyOf(claim.principal, claim.key), { ...known, response });
    },
    releaseIdempotency: async (claim) => {
      const known = running(tables(), claim);
      const key = keyOf(claim.principal, claim.key);
      if (known?.acted === true) tables().idempotency.set(key, { ...known, epoch: 0 });
      else if (known !== null) tables().idempotency.delete(key);
    },
    insertToolCall: async (record) => {
      if (tables().toolCalls.has(record.key)) return 'exists';
      tables().toolCalls.set(record.key, record);
      return 'inserted';
    },
    moveToolCall: async (key, from, to) => {
      const known = tables().toolCalls.get(key);
      if (known === undefined || known.process !== from || known.state === 'done') return false;
      tables().toolCalls.set(key, { ...known, process: to });
      return true;
    },
    updateToolCall: async (key, process, change) => {
      const known = tables().toolCalls.get(key);
      if (known?.process !== process) throw notOurs(key);
      tables().toolCalls.set(key, { ...known, ...change });
    },
    deleteToolCall: async (key, process) => {
      const known = tables().toolCalls.get(key);
      if (known !== undefined && known.process !== process) throw notOurs(key);
      tables().toolCalls.delete(key);
    },
    alone: async () => {},
    claimEpoch: async () => {
      tables().epoch += 1;
      return tables().epoch;
    },
    enterRun: async (executionId, epoch) => {
      if (!tables().executions.has(executionId)) throw missing('execution', executionId);
      const newest = tables().runEpochs.get(executionId) ?? 0;
      if (epoch < newest)
        throw new AppError('fenced', `Run ${executionId} is held under epoch ${newest} now, not ${epoch}.`);
      tables().runEpochs.set(executionId, epoch);
    },
  };
}

function redelivered(known: Alert, alert: Alert): Alert {
  const newer = Date.parse(alert.received_at) >= Date.parse(known.received_at) ? alert : known;
  return { ...newer, alert_id: known.alert_id, deliveries: known.deliveries + 1 };
}

function insert<T>(rows: Map<string, T>, id: string, row: T, what: string): void {
  if (rows.has(id)) throw new AppError('conflict', `The ${what} ${id} exists already.`);
  rows.set(id, row);
}

function update<T extends { readonly revision: number }>(
  rows: Map<string, T>,
  id: string,
  expected: number,
  change: NoInfer<Partial<T>>,
  what: string,
): void {
  const known = rows.get(id);
  if (known === undefined) throw missing(what, id);
  if (known.revision !== expected) {
    throw new AppError('conflict', `The ${what} ${id} has changed: ${expected} was expected.`, {
      retryable: true,
    });
  }
  rows.set(id, { ...known, ...change, revision: expected + 1 });
}

function running({ idempotency }: Tables, claim: IdempotencyClaim): IdempotencyRecord | null {
  const known = idempotency.get(keyOf(claim.principal, claim.key));
  return known?.response === null && known.epoch === claim.epoch ? known : null;
}

function notOurs(key: string): AppError {
  return new AppError('fenced', `The tool call ${key} is not carried out by this process any more.`);
}

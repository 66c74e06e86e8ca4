import { isAutomatic } from '@carapulse/plan';
import { AppError } from '@carapulse/kernel';
import type { StoreReads } from '../ports/index.ts';
import { sorted, toPage } from './memory-rows.ts';
import { memoryScheduleReads } from './memory-schedules.ts';
import type { Tables } from './tables.ts';

/** The reading half of the in-memory store, on whichever tables `tables` gives at each call. */
export function memoryReads(tables: () => Tables): StoreReads {
  return {
    ...memoryScheduleReads(tables),
    plan: async (tenantId, planId) => ofTenant(tables().plans.get(planId), tenantId),
    plans: async (tenantId, filter, page) =>
      toPage(
        values(tables().plans).filter(
          ({ tenant_id, status, plan }) =>
            tenant_id === tenantId &&
            (filter.status?.includes(status) ?? true) &&
            (filter.incident_id === undefined || plan.incident_id === filter.incident_id),
        ),
        page,
        (row) => row.plan.plan_id,
      ),
    approvals: async (planId) =>
      sorted(
        values(tables().approvals).filter((row) => row.plan_id === planId),
        (row) => `${row.decided_at} ${row.approval_id}`,
      ),
    execution: async (tenantId, id) => ofTenant(tables().executions.get(id), tenantId),
    executionOfPlan: async (planId) =>
      values(tables().executions).find((row) => row.plan_id === planId) ?? null,
    executions: async (tenantId, page) =>
      toPage(
        values(tables().executions).filter((row) => row.tenant_id === tenantId),
        page,
        (row) => row.execution_id,
      ),
    waitingExecutions: async (prefix, limit) =>
      sorted(
        values(tables().executions).filter(
          (row) => row.ended_at === null && row.status_reason.startsWith(prefix),
        ),
        (row) => row.execution_id,
      ).slice(0, limit),
    steps: async (id) => values(tables().steps).filter((row) => row.execution_id === id),
    checks: async (id) => tables().checks.filter((row) => row.execution_id === id),
    logs: async (id, afterSeq, limit) =>
      tables()
        .logs.filter((row) => row.execution_id === id && row.seq > afterSeq)
        .slice(0, limit),
    incident: async (tenantId, id) => ofTenant(tables().incidents.get(id), tenantId),
    incidents: async (tenantId, status, page) =>
      toPage(
        values(tables().incidents).filter(
          (row) => row.tenant_id === tenantId && (status?.includes(row.status) ?? true),
        ),
        page,
        (row) => row.incident_id,
      ),
    alerts: async (id) =>
      sorted(
        values(tables().alerts).filter((row) => row.incident_id === id),
        (row) => row.alert_id,
      ),
    investigations: async (id) =>
      sorted(
        values(tables().investigations).filter((row) => row.incident_id === id),
        (row) => row.investigation_id,
      ),
    evidence: async ({ executionId, investigationId }) => {
      if (executionId === undefined && investigationId === undefined) {
        throw new AppError('internal', 'Evidence is listed of an execution or of an investigation.');
      }
      const found = values(tables().evidence).filter(
        (row) =>
          (executionId === undefined || row.execution_id === executionId) &&
          (investigationId === undefined || row.investigation_id === investigationId),
      );
      return sorted(found, (row) => row.evidence_id);
    },
    evidenceById: async (id) => tables().evidence.get(id) ?? null,
    playbooks: async (tenantId) =>
      sorted(
        values(tables().playbooks).filter((row) => row.tenant_id === tenantId),
        (row) => row.name,
      ),
    audit: async (tenantId, afterSeq, limit) =>
      tables()
        .audit.filter((row) => row.seq > afterSeq && (tenantId === null || row.tenant_id === tenantId))
        .slice(0, limit),
    auditHead: async () => {
      const last = tables().audit.at(-1);
      return { seq: last?.seq ?? 0, mac: last?.mac ?? null };
    },
    auditSearch: async (tenantId, filter, { limit, after }) => {
      if (after !== null && !/^\d+$/.test(after)) throw new AppError('invalid_input', 'That is no cursor.');
      const found = tables().audit.filter(
        (row) =>
          row.tenant_id === tenantId &&
          (filter.action === undefined || row.action === filter.action) &&
          (filter.actor_id === undefined || row.actor_id === filter.actor_id) &&
          (filter.subject_id === undefined || row.subject_id === filter.subject_id) &&
          (after === null || row.seq < Number(after)),
      );
      const items = found.toReversed();
      const kept = items.slice(0, limit);
      return { items: kept, next: items.length > limit ? String(kept.at(-1)?.seq) : null };
    },
    events: async (tenantId, afterSeq, limit) =>
      tables()
        .events.filter((row) => row.tenant_id === tenantId && row.seq > afterSeq)
        .slice(0, limit),
    leases: async () => sorted(values(tables().leases), (row) => row.target),
    duePlans: async (nowIso, limit) =>
      sorted(
        values(tables().plans).filter(
          ({ status, plan }) =>
            (status === 'awaiting_approval' || status === 'held' || status === 'approved') &&
            plan.expires_at <= nowIso,
        ),
        ({ plan }) => `${plan.expires_at} ${plan.plan_id}`,
      ).slice(0, limit),
    pendingDispatches: async (limit) =>
      sorted(
        [...tables().dispatches].filter(([, row]) => row.completed_at === null),
        ([id, row]) => `${row.queued_at} ${id}`,
      )
        .slice(0, limit)
        .map(([execution_id, { plan_id }]) => ({ execution_id, plan_id })),
    queuedInvestigations: async (limit) =>
      sorted(
        values(tables().investigations).filter((row) => row.status === 'queued' || row.status === 'running'),
        (row) => `${row.queued_at} ${row.investigation_id}`,
      ).slice(0, limit),
    toolCall: async (key) => tables().toolCalls.get(key) ?? null,
    automatedWritesSince: async (tenantId, service, sinceIso) =>
      values(tables().toolCalls).filter((call) => {
        const execution = tables().executions.get(call.execution_id ?? '');
        const plan = tables().plans.get(execution?.plan_id ?? '')?.plan;
        return (
          call.kind === 'write' &&
          call.begun_at >= sinceIso &&
          execution?.tenant_id === tenantId &&
          plan !== undefined &&
          isAutomatic(plan.trigger) &&
          plan.origin.planner !== 'break_glass' &&
          plan.blast_radius.resources.includes(service)
        );
      }).length,
    livingProcesses: async () => tables().living,
    runEpoch: async (id) => (tables().executions.has(id) ? (tables().runEpochs.get(id) ?? 0) : null),
  };
}

function ofTenant<T extends { readonly tenant_id: string }>(row: T | undefined, tenantId: string): T | null {
  return row?.tenant_id === tenantId ? row : null;
}

function values<T>(rows: ReadonlyMap<string, T>): readonly T[] {
  return [...rows.values()];
}

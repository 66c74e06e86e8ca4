import type { Firing, Schedule } from '@carapulse/schedule';
import type { Alert, Incident, Investigation } from '@carapulse/incident';
import type {
  ApprovalRecord,
  CheckRecord,
  EventRecord,
  EvidenceRecord,
  ExecutionRecord,
  IdempotencyRecord,
  LeaseRecord,
  LogRecord,
  PlanRecord,
  PlaybookRecord,
  StepRecord,
  StoredAudit,
  ToolCallRecord,
} from '../ports/index.ts';

/** What the in-memory store holds; a transaction works on a copy, which takes its place when it commits. */
export interface Tables {
  plans: Map<string, PlanRecord>;
  approvals: Map<string, ApprovalRecord>;
  executions: Map<string, ExecutionRecord>;
  dispatches: Map<string, { plan_id: string; queued_at: string; completed_at: string | null }>;
  /** By execution and step, in the order in which they were first written. */
  steps: Map<string, StepRecord>;
  checks: CheckRecord[];
  logs: LogRecord[];
  incidents: Map<string, Incident>;
  /** By incident and fingerprint. */
  alerts: Map<string, Alert>;
  investigations: Map<string, Investigation>;
  evidence: Map<string, EvidenceRecord>;
  playbooks: Map<string, PlaybookRecord>;
  audit: StoredAudit[];
  events: EventRecord[];
  leases: Map<string, LeaseRecord>;
  idempotency: Map<string, IdempotencyRecord>;
  toolCalls: Map<string, ToolCallRecord>;
  epoch: number;
  runEpochs: Map<string, number>;
  living: Set<number>;
  conductors: Map<string, number>;
  schedules: Map<string, Schedule>;
  firings: Map<string, Firing>;
  firingProcesses: Map<string, number>;
}

export function emptyTables(): Tables {
  return {
    plans: new Map(),
    approvals: new Map(),
    executions: new Map(),
    dispatches: new Map(),
    steps: new Map(),
    checks: [],
    logs: [],
    incidents: new Map(),
    alerts: new Map(),
    investigations: new Map(),
    evidence: new Map(),
    playbooks: new Map(),
    audit: [],
    events: [],
    leases: new Map(),
    idempotency: new Map(),
    toolCalls: new Map(),
    epoch: 0,
    runEpochs: new Map(),
    living: new Set(),
    conductors: new Map(),
    schedules: new Map(),
    firings: new Map(),
    firingProcesses: new Map(),
  };
}

/** Rows are never changed in place, so that copying the tables is enough. */
export function copyTables(tables: Tables): Tables {
  const copied = Object.entries(tables).map(([name, value]) => [
    name,
    value instanceof Map ? new Map(value) : Array.isArray(value) ? [...value] : value,
  ]);
  return Object.fromEntries(copied) as Tables;
}

/** The key of a row that several values name together. */
export function keyOf(...parts: readonly string[]): string {
  return JSON.stringify(parts);
}

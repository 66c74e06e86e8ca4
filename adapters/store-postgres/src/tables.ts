import type { SignedStatement } from '@carapulse/approval';
import type { Alert, Incident, Investigation } from '@carapulse/incident';
import type { JsonObject, JsonValue } from '@carapulse/kernel';
import type {
  ApprovalRecord,
  CheckRecord,
  EventRecord,
  EvidenceRecord,
  ExecutionRecord,
  IdempotencyRecord,
  LeaseRecord,
  LogRecord,
  PlaybookRecord,
  StepRecord,
  StoredAudit,
  ToolCallRecord,
} from '@carapulse/operations';
import type { Plan, PlanStatus } from '@carapulse/plan';
import type { Firing, Schedule } from '@carapulse/schedule';
import type { ColumnType, Generated } from 'kysely';

/** A json column: a value when read, its text when written (an array would be taken for a PostgreSQL array). */
type Json<T> = ColumnType<T, string, string>;

/** The tables as the migrations leave them. */
export interface Tables {
  incidents: {
    incident_id: string;
    tenant_id: string;
    status: Incident['status'];
    group_key: string;
    revision: number;
    document: Json<Incident>;
  };
  alerts: {
    alert_id: string;
    incident_id: string;
    tenant_id: string;
    fingerprint: string;
    deliveries: number;
    received_at: string;
    document: Json<Alert>;
  };
  investigations: {
    investigation_id: string;
    incident_id: string;
    tenant_id: string;
    status: Investigation['status'];
    queued_at: string;
    plan_id: string | null;
    process: Generated<number>;
    document: Json<Investigation>;
  };
  schedules: Pick<
    Schedule,
    'schedule_id' | 'tenant_id' | 'name' | 'decided_until' | 'next_at' | 'revision'
  > & { document: Json<Schedule> };
  schedule_firings: Firing & { process: Generated<number> };
  playbooks: Omit<PlaybookRecord, 'document'> & { document: Json<JsonObject> };
  plans: {
    plan_id: string;
    tenant_id: string;
    plan_hash: string;
    status: PlanStatus;
    status_reason: string;
    automated: boolean;
    resources: string[];
    environment: string;
    incident_id: string | null;
    expires_at: string;
    document: Json<Plan>;
    revision: number;
    updated_at: string;
  };
  approvals: Omit<ApprovalRecord, 'statement'> & {
    plan_hash: string;
    approver: string;
    verdict: 'approve' | 'deny';
    nonce: string;
    statement: Json<SignedStatement>;
  };
  executions: Omit<ExecutionRecord, 'steering'> & {
    steering: ColumnType<ExecutionRecord['steering'], string | null, string | null>;
    log_seq: Generated<number>;
    run_epoch: Generated<number>;
  };
  dispatches: { execution_id: string; plan_id: string; queued_at: string; completed_at: string | null };
  execution_steps: StepRecord & { position: Generated<number> };
  execution_checks: CheckRecord & { check_seq: Generated<number> };
  execution_logs: LogRecord;
  evidence: Omit<EvidenceRecord, 'source'> & { source: Json<EvidenceRecord['source']> };
  stream_head: { only_row: boolean; audit_seq: number; audit_mac: string | null; event_seq: number };
  audit_events: StoredAudit;
  events: Omit<EventRecord, 'data'> & { data: Json<JsonObject> };
  fencing: { only_row: boolean; epoch: number };
  leases: LeaseRecord;
  idempotency_keys: Omit<IdempotencyRecord, 'response'> & {
    response: ColumnType<IdempotencyRecord['response'], string | null, string | null>;
  };
  tool_calls: Omit<ToolCallRecord, 'response'> & { response: Json<JsonValue> };
}

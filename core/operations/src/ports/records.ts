import type { SignedStatement } from '@carapulse/approval';
import type { JsonObject, JsonValue } from '@carapulse/kernel';
import type { ExecutionStatus, Plan, PlanStatus, StepStatus } from '@carapulse/plan';
import type { Steering } from '@carapulse/workflows';

/** A plan as stored: the frozen document beside what changes about it. */
export interface PlanRecord {
  readonly plan: Plan;
  readonly tenant_id: string;
  readonly status: PlanStatus;
  readonly status_reason: string;
  /** Grows with each change; the entity tag. */
  readonly revision: number;
  readonly updated_at: string;
}

export interface ApprovalRecord {
  readonly approval_id: string;
  readonly plan_id: string;
  readonly tenant_id: string;
  readonly statement: SignedStatement;
  readonly decided_at: string;
  readonly revoked_at: string | null;
  readonly revoked_by: string | null;
}

export interface ExecutionRecord {
  readonly execution_id: string;
  readonly plan_id: string;
  readonly tenant_id: string;
  readonly status: ExecutionStatus;
  readonly status_reason: string;
  readonly epoch: number;
  readonly queued_at: string;
  readonly started_at: string | null;
  readonly first_write_at: string | null;
  readonly ended_at: string | null;
  /** What people may do with the run, as it said when it last told; null before it told anything. */
  readonly steering: Steering | null;
  readonly revision: number;
}

export interface StepRecord {
  readonly execution_id: string;
  readonly step_id: string;
  readonly status: StepStatus;
  readonly attempts: number;
  readonly started_at: string | null;
  readonly ended_at: string | null;
  readonly detail: string;
  readonly evidence_id: string | null;
  /** When the step is tried again by itself, after its last attempt failed. */
  readonly retry_at: string | null;
}

/** One verdict of one check of an execution. */
export interface CheckRecord {
  readonly execution_id: string;
  readonly check_id: string;
  readonly step_id: string | null;
  readonly phase: 'before' | 'precondition' | 'after' | 'verify_rollback';
  readonly verdict: 'passed' | 'failed' | 'inconclusive';
  readonly at: string;
  readonly detail: string;
  readonly evidence_id: string | null;
}

/** Row of the log that a client follows by SSE. `seq` is dense per execution, from 1. */
export interface LogRecord {
  readonly execution_id: string;
  readonly seq: number;
  readonly at: string;
  readonly step_id: string | null;
  readonly stream: 'stdout' | 'stderr' | 'event';
  readonly text: string;
}

/** Where an evidence object lies and what it must hash to. */
export interface EvidenceRecord {
  readonly evidence_id: string;
  readonly tenant_id: string;
  readonly execution_id: string | null;
  readonly investigation_id: string | null;
  /** The plan it was read for, where no incident asked for it; it may not have come to be. */
  readonly plan_id: string | null;
  readonly kind: string;
  readonly source: { readonly tool: string; readonly action: string; readonly target: string };
  readonly object_key: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly collected_at: string;
}

/** A change that clients may follow; `seq` is dense and in commit order. */
export type EventType = 'plan.updated' | 'execution.updated' | 'incident.updated' | 'audit.created';

export interface EventRecord {
  readonly seq: number;
  readonly tenant_id: string;
  readonly type: EventType;
  readonly subject_id: string;
  readonly at: string;
  readonly data: JsonObject;
}

/** An audit record as stored: opaque to the store but for its place in the chain. */
export interface StoredAudit {
  readonly seq: number;
  readonly tenant_id: string;
  readonly at: string;
  readonly action: string;
  readonly actor_id: string;
  readonly subject_id: string;
  /** The whole chained record, canonical JSON. */
  readonly record: string;
  /** Hex MAC of the record, the next one's `prev_mac`. */
  readonly mac: string;
}

export interface LeaseRecord {
  readonly target: string;
  readonly holder: string;
  readonly epoch: number;
  readonly expires_at: string;
}

export interface IdempotencyRecord {
  readonly key: string;
  readonly principal: string;
  readonly request_digest: string;
  readonly response: {
    readonly status: number;
    readonly headers: JsonObject;
    readonly body: JsonValue;
  } | null;
  /** Fencing epoch of the process that has the request. */
  readonly epoch: number;
  /** True once something was committed under the key. */
  readonly acted: boolean;
  readonly created_at: string;
}

/** Who holds a key while its request runs. */
export type IdempotencyClaim = Pick<IdempotencyRecord, 'principal' | 'key' | 'epoch'>;

export interface PlaybookRecord {
  readonly name: string;
  readonly tenant_id: string;
  readonly digest: string;
  readonly source: string;
  readonly document: JsonObject;
  readonly enabled: boolean;
  readonly updated_at: string;
}

export interface ToolCallRecord {
  readonly key: string;
  readonly tool: string;
  readonly action: string;
  readonly kind: 'read' | 'write';
  readonly input_digest: string;
  readonly execution_id: string | null;
  readonly epoch: number | null;
  /** Which process carries it out; 0 when none does. */
  readonly process: number;
  readonly state: 'intent' | 'done' | 'failed';
  readonly response: JsonValue;
  readonly code: string | null;
  readonly begun_at: string;
  readonly ended_at: string | null;
}

/** A page of a list in a stable order; `after` is the last row's sort key. */
export interface PageRequest {
  readonly limit: number;
  readonly after: string | null;
}
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

export interface PlanFilter {
  readonly status?: readonly PlanStatus[];
  readonly incident_id?: string;
}

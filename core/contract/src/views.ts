import { SignedStatement } from '@carapulse/approval';
import { Alert, Incident, Investigation } from '@carapulse/incident';
import { JsonObject } from '@carapulse/kernel';
import { ExecutionStatus, Plan, PlanStatus, StepStatus } from '@carapulse/plan';
import { Firing, Schedule } from '@carapulse/schedule';
import { z } from 'zod';

const instant = z.iso.datetime();

export const ApprovalView = z.object({
  approval_id: z.string(),
  plan_id: z.string(),
  statement: SignedStatement,
  decided_at: instant,
  revoked_at: instant.nullable(),
  revoked_by: z.string().nullable(),
});
export type ApprovalView = z.infer<typeof ApprovalView>;

/** A plan in a list. */
export const PlanSummary = z.object({
  plan_id: z.string(),
  plan_hash: z.string(),
  summary: z.string(),
  status: PlanStatus,
  status_reason: z.string(),
  trigger: z.string(),
  environment: z.string(),
  risk: z.string(),
  incident_id: z.string().nullable(),
  created_by: z.string(),
  created_at: instant,
  expires_at: instant,
});
export type PlanSummary = z.infer<typeof PlanSummary>;

export const PlanView = z.object({
  plan: Plan,
  status: PlanStatus,
  status_reason: z.string(),
  revision: z.int(),
  updated_at: instant,
  approvals: z.array(ApprovalView),
  execution_id: z.string().nullable(),
  /** The plan's card for people, at most 25 lines. */
  card: z.array(z.string()),
});
export type PlanView = z.infer<typeof PlanView>;

export const ApprovalOutcomeView = z.object({
  approval_id: z.string(),
  plan_id: z.string(),
  status: PlanStatus,
  needed: z.int(),
  have: z.int(),
  execution_id: z.string().nullable(),
});
export type ApprovalOutcomeView = z.infer<typeof ApprovalOutcomeView>;

export const ExecutionSummary = z.object({
  execution_id: z.string(),
  plan_id: z.string(),
  status: ExecutionStatus,
  status_reason: z.string(),
  queued_at: instant,
  started_at: instant.nullable(),
  first_write_at: instant.nullable(),
  ended_at: instant.nullable(),
});
export type ExecutionSummary = z.infer<typeof ExecutionSummary>;

export const EvidenceView = z.object({
  evidence_id: z.string(),
  kind: z.string(),
  source: z.object({ tool: z.string(), action: z.string(), target: z.string() }),
  object_key: z.string(),
  sha256: z.string(),
  bytes: z.int(),
  collected_at: instant,
});
export type EvidenceView = z.infer<typeof EvidenceView>;

const hand = { by: z.string(), reason: z.string(), at: instant };

/** Where a run is: in whose hands, what each step waits for, and what people may do. */
export const ProgressView = z.object({
  /** Who paused the run or took it over; null while nobody has. */
  held: z.object({ kind: z.enum(['paused', 'taken_over']), ...hand }).nullable(),
  /** Failures whose consequence waits until the run goes on. */
  undecided: z.array(z.object({ step_id: z.string().nullable(), reason: z.string() })),
  skippable_checks: z.array(z.string()),
  /** What people declared done: a step, checks of a step, or checks of the plan's end. */
  skipped: z.array(z.object({ step_id: z.string().nullable(), check_ids: z.array(z.string()), ...hand })),
  /** When the maximum run time is over. It goes on counting while the run is paused. */
  deadline_at: instant.nullable(),
  counts: z.object({
    waiting: z.int(),
    running: z.int(),
    verifying: z.int(),
    done: z.int(),
    failed: z.int(),
    skipped: z.int(),
    undone: z.int(),
    unknown: z.int(),
  }),
  steps: z.array(
    z.object({
      step_id: z.string(),
      state: z.enum(['waiting', 'running', 'verifying', 'done', 'failed', 'skipped', 'undone', 'unknown']),
      attempt: z.int(),
      waits_for: z
        .discriminatedUnion('kind', [
          z.object({ kind: z.literal('timer'), until: instant }),
          z.object({ kind: z.literal('steps'), step_ids: z.array(z.string()) }),
          z.object({ kind: z.literal('person'), what: z.string() }),
          z.object({ kind: z.literal('run'), what: z.string() }),
        ])
        .nullable(),
      /** Null where `retry` may be asked for, else why not. */
      retry: z.string().nullable(),
      /** Null where `skip` may be asked for, else why not. */
      skip: z.string().nullable(),
    }),
  ),
});
export type ProgressView = z.infer<typeof ProgressView>;

export const ExecutionView = z.object({
  execution: ExecutionSummary,
  steps: z.array(
    z.object({
      step_id: z.string(),
      status: StepStatus,
      attempts: z.int(),
      started_at: instant.nullable(),
      ended_at: instant.nullable(),
      detail: z.string(),
      evidence_id: z.string().nullable(),
      retry_at: instant.nullable(),
    }),
  ),
  checks: z.array(
    z.object({
      check_id: z.string(),
      step_id: z.string().nullable(),
      phase: z.enum(['before', 'precondition', 'after', 'verify_rollback']),
      verdict: z.enum(['passed', 'failed', 'inconclusive']),
      at: instant,
      detail: z.string(),
      evidence_id: z.string().nullable(),
    }),
  ),
  evidence: z.array(EvidenceView),
  progress: ProgressView,
  /** What is left to do and to undo, as a person would paste it. */
  commands: z.array(z.string()),
});
export type ExecutionView = z.infer<typeof ExecutionView>;

/** The recorded history of a run, as its engine keeps it; what Temporal keeps is sealed. */
export const HistoryView = z.discriminatedUnion('engine', [
  z.object({
    format: z.literal(1),
    engine: z.literal('embedded'),
    run_id: z.string(),
    machine: z.string(),
    version: z.int(),
    input: JsonObject,
    started_at_ms: z.int(),
    events: z.array(JsonObject),
    result: JsonObject.nullable(),
  }),
  z.object({
    format: z.literal(1),
    engine: z.literal('temporal'),
    run_id: z.string(),
    history: z.object({ events: z.array(JsonObject) }),
  }),
]);
export type HistoryView = z.infer<typeof HistoryView>;

export const LogLine = z.object({
  seq: z.int(),
  at: instant,
  step_id: z.string().nullable(),
  stream: z.enum(['stdout', 'stderr', 'event']),
  text: z.string(),
});
export type LogLine = z.infer<typeof LogLine>;

export const IncidentView = z.object({
  incident: Incident,
  alerts: z.array(Alert),
  investigations: z.array(Investigation),
  evidence: z.array(EvidenceView),
});
export type IncidentView = z.infer<typeof IncidentView>;

export const PlaybookView = z.object({
  name: z.string(),
  digest: z.string(),
  enabled: z.boolean(),
  source: z.string(),
  updated_at: instant,
  document: JsonObject,
});
export type PlaybookView = z.infer<typeof PlaybookView>;

export const WorkflowView = z.object({
  name: z.string(),
  title: z.string(),
  version: z.int(),
  /** JSON Schema of what it takes. */
  input: JsonObject,
});
export type WorkflowView = z.infer<typeof WorkflowView>;

export const FiringView = Firing.omit({ tenant_id: true, look_at: true }).extend({
  /** What became of its plan by now; null without one. */
  plan_status: PlanStatus.nullable(),
});
export type FiringView = z.infer<typeof FiringView>;

export const ScheduleView = z.object({
  schedule: Schedule.omit({ tenant_id: true, decided_until: true }),
  /** The next times, with when each is due after its jitter; none while it is paused. */
  upcoming: z.array(z.object({ nominal_at: instant, due_at: instant })),
  /** What became of its last times, the last first. */
  firings: z.array(FiringView),
});
export type ScheduleView = z.infer<typeof ScheduleView>;

export const AuditEventView = z.object({
  seq: z.int(),
  at: instant,
  action: z.string(),
  actor_id: z.string(),
  subject_id: z.string(),
  record: JsonObject,
});
export type AuditEventView = z.infer<typeof AuditEventView>;

export const AlertReceiptView = z.object({
  received: z.int(),
  incidents: z.array(z.object({ incident_id: z.string(), kind: z.string() })),
  ignored: z.array(z.object({ fingerprint: z.string(), reason: z.string() })),
  rejected: z.array(z.object({ index: z.int(), detail: z.string() })),
});
export type AlertReceiptView = z.infer<typeof AlertReceiptView>;

export const HaltView = z.object({
  halted: z.array(z.object({ scope: z.string(), reason: z.string(), by: z.string(), at: z.string() })),
});
export type HaltView = z.infer<typeof HaltView>;

/** One page of a list; give `next_cursor` back as `cursor` for the following one. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), next_cursor: z.string().nullable() });
}

export const HealthView = z.object({ status: z.literal('ok') });
export const ReadinessView = z.object({
  ready: z.boolean(),
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })),
});
export type ReadinessView = z.infer<typeof ReadinessView>;

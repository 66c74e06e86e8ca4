// Generated from openapi.json by `npm run generate`; do not edit.

export type Problem = { "type": string; "title": string; "status": number; "detail": string; "code": "invalid_input" | "unauthenticated" | "forbidden" | "not_found" | "conflict" | "precondition_failed" | "idempotency_mismatch" | "idempotency_in_progress" | "policy_denied" | "approval_required" | "approval_invalid" | "plan_stale" | "plan_expired" | "forbidden_transition" | "halted" | "lease_held" | "fenced" | "verification_failed" | "outcome_unknown" | "sandbox_unavailable" | "tool_failed" | "rate_limited" | "payload_too_large" | "timeout" | "cancelled" | "unavailable" | "not_supported" | "internal"; "request_id": string; "retryable": boolean; "errors": Array<{ "pointer": string; "detail": string }>; "reason"?: string };

export type PlanView = { "plan": Plan; "status": "policy_denied" | "awaiting_approval" | "held" | "approved" | "denied" | "expired" | "stale" | "cancelled" | "executing" | "succeeded" | "succeeded_with_skips" | "failed" | "rolled_back" | "parked"; "status_reason": string; "revision": number; "updated_at": string; "approvals": Array<ApprovalView>; "execution_id": (string | null); "card": Array<string> };

export type Plan = { "format": 1; "plan_id": string; "plan_hash": string; "summary": string; "trigger": { "kind": "manual" | "alert" | "drift" | "schedule" | "hook" | "workflow"; "ref": (string | null) }; "context": ContextRef; "created_by": string; "authors"?: Array<string>; "created_at": string; "incident_id": (string | null); "origin": { "planner": "playbook" | "workflow" | "manual" | "break_glass"; "name": string; "digest": string; "because": Array<string> }; "risk": { "level": "low" | "medium" | "high" | "critical"; "rules": Array<{ "rule": string; "level": "low" | "medium" | "high" | "critical"; "reason": string }> }; "blast_radius": ({ "kind": "known"; "resources": Array<string>; "dependents": Array<string> } | { "kind": "unknown"; "reason": string; "resources": Array<string> }); "steps": Array<Step>; "checks": Array<Check>; "policy": Decision; "expires_at": string; "max_run_ms": number };

export type ContextRef = { "tenant_id": string; "environment": string; "cluster_id"?: string; "namespace"?: string; "aws_account_id"?: string; "region"?: string; "argocd_project"?: string; "grafana_org_id"?: string };

export type Step = { "step_id": string; "title": string; "kind": "read" | "write"; "call": ToolCall; "repeat": "convergent" | "keyed" | "observable" | "unsafe"; "effects": Array<Effect>; "depends_on": Array<string>; "preconditions": Array<Check>; "verify": Array<Check>; "rollback": ({ "kind": "call"; "call": ToolCall; "repeat": "convergent" | "keyed" | "observable" | "unsafe"; "effects": Array<Effect>; "verify": Array<Check>; "timeout_ms": number } | { "kind": "none"; "reason": string } | { "kind": "impossible"; "reason": string }); "timeout_ms": number; "retry": { "max_attempts": number; "backoff_ms": number; "factor": number; "max_backoff_ms": number; "on": Array<"transient" | "throttled" | "conflict" | "permanent"> }; "preview": ({ "kind": "diff"; "text": string; "truncated": boolean } | { "kind": "none"; "reason": string }); "commands": Array<string> };

export type ToolCall = { "tool": string; "action": string; "input": Record<string, unknown>; "bindings": Array<{ "pointer": string; "from_step": string; "from_pointer": string; "bounds": ({ "type": "string"; "max_length": number; "charset": "hex" | "name" | "text" } | { "type": "integer"; "min": number; "max": number } | { "type": "boolean" }) }>; "definition_digest": string };

export type __schema0 = (string | number | boolean | null | Array<unknown> | Record<string, unknown>);

export type Effect = ({ "kind": "read"; "target": string } | { "kind": "git_push"; "target": string; "branch": string; "paths": Array<string>; "files_changed": number; "lines_changed": number } | { "kind": "alert_silence"; "target": string; "duration_ms": number } | { "kind": "http_send"; "target": string; "method": string } | { "kind": "scale"; "target": string; "namespace": string; "replicas": number } | { "kind": "deploy"; "target": string; "namespace": string; "images": Array<string> } | { "kind": "restart"; "target": string; "namespace": string } | { "kind": "apply"; "target": string; "namespace": string; "images": Array<string> } | { "kind": "release"; "target": string; "namespaces": Array<string>; "objects": number; "secret_objects": number; "images": Array<string> } | { "kind": "cordon"; "target": string } | { "kind": "node_drain"; "target": string; "namespaces": Array<string>; "pods": number } | { "kind": "sync"; "target": string; "namespaces": Array<string>; "prune": boolean } | { "kind": "annotation"; "target": string } | { "kind": "review_request"; "target": string; "change": "open" | "close" } | { "kind": "merge"; "target": string; "branch": string; "commit": string });

export type Check = { "check_id": string; "title": string; "call": ToolCall; "expect": Array<{ "pointer": string; "op": "eq" | "ne" | "lt" | "lte" | "gt" | "gte" | "contains" | "exists"; "value": unknown; "relative"?: { "from_step": string; "from_pointer": string; "factor": number; "plus": number } }>; "samples": { "required": number; "interval_ms": number; "within_ms": number }; "must_fail_before": boolean };

export type Decision = { "decision": "allow" | "deny" | "require_approval"; "reasons": Array<{ "rule": string; "message": string }>; "constraints": Array<Constraint>; "ttl_s": number; "bundle_digest": string };

export type Constraint = ({ "kind": "quorum"; "approvers": number; "distinct_groups": number } | { "kind": "approver_groups"; "any_of": Array<string> } | { "kind": "min_assurance"; "assurance": "local" | "session" | "key" } | { "kind": "approval_ttl"; "max_ms": number } | { "kind": "allowed_targets"; "patterns": Array<string> } | { "kind": "allowed_paths"; "patterns": Array<string> } | { "kind": "allowed_namespaces"; "namespaces": Array<string> } | { "kind": "allowed_images"; "patterns": Array<string> } | { "kind": "max_replicas"; "max": number } | { "kind": "max_files_changed"; "max": number } | { "kind": "max_lines_changed"; "max": number } | { "kind": "max_write_steps"; "max": number } | { "kind": "max_run_time"; "max_ms": number } | { "kind": "window"; "not_before": string; "not_after": string } | { "kind": "require_rollback" });

export type ApprovalView = { "approval_id": string; "plan_id": string; "statement": SignedStatement; "decided_at": string; "revoked_at": (string | null); "revoked_by": (string | null) };

export type SignedStatement = { "body": { "type": "carapulse.approval.v1"; "verdict": "approve" | "deny"; "plan_id": string; "plan_hash": string; "requested_by": string; "approver": string; "assurance": "key" | "session" | "local" | "service"; "break_glass": ({ "reason": string; "incident_id": string } | null); "comment": string; "attested"?: { "roles": Array<"admin" | "operator" | "developer" | "observer" | "anonymous">; "groups": Array<string> }; "issued_at": string; "expires_at": string; "nonce": string }; "signed": { "key_id": string; "signature": string } };

export type PlanSummary = { "plan_id": string; "plan_hash": string; "summary": string; "status": "policy_denied" | "awaiting_approval" | "held" | "approved" | "denied" | "expired" | "stale" | "cancelled" | "executing" | "succeeded" | "succeeded_with_skips" | "failed" | "rolled_back" | "parked"; "status_reason": string; "trigger": string; "environment": string; "risk": string; "incident_id": (string | null); "created_by": string; "created_at": string; "expires_at": string };

export type ExecutionSummary = { "execution_id": string; "plan_id": string; "status": "queued" | "running" | "rolling_back" | "succeeded" | "succeeded_with_skips" | "failed" | "rolled_back" | "parked" | "paused" | "taken_over" | "cancelled" | "held"; "status_reason": string; "queued_at": string; "started_at": (string | null); "first_write_at": (string | null); "ended_at": (string | null) };

export type ExecutionView = { "execution": ExecutionSummary; "steps": Array<{ "step_id": string; "status": "pending" | "running" | "succeeded" | "failed" | "skipped" | "rolling_back" | "rolled_back" | "outcome_unknown"; "attempts": number; "started_at": (string | null); "ended_at": (string | null); "detail": string; "evidence_id": (string | null); "retry_at": (string | null) }>; "checks": Array<{ "check_id": string; "step_id": (string | null); "phase": "before" | "precondition" | "after" | "verify_rollback"; "verdict": "passed" | "failed" | "inconclusive"; "at": string; "detail": string; "evidence_id": (string | null) }>; "evidence": Array<EvidenceView>; "progress": ProgressView; "commands": Array<string> };

export type EvidenceView = { "evidence_id": string; "kind": string; "source": { "tool": string; "action": string; "target": string }; "object_key": string; "sha256": string; "bytes": number; "collected_at": string };

export type ProgressView = { "held": ({ "kind": "paused" | "taken_over"; "by": string; "reason": string; "at": string } | null); "undecided": Array<{ "step_id": (string | null); "reason": string }>; "skippable_checks": Array<string>; "skipped": Array<{ "step_id": (string | null); "check_ids": Array<string>; "by": string; "reason": string; "at": string }>; "deadline_at": (string | null); "counts": { "waiting": number; "running": number; "verifying": number; "done": number; "failed": number; "skipped": number; "undone": number; "unknown": number }; "steps": Array<{ "step_id": string; "state": "waiting" | "running" | "verifying" | "done" | "failed" | "skipped" | "undone" | "unknown"; "attempt": number; "waits_for": (({ "kind": "timer"; "until": string } | { "kind": "steps"; "step_ids": Array<string> } | { "kind": "person"; "what": string } | { "kind": "run"; "what": string }) | null); "retry": (string | null); "skip": (string | null) }> };

export type Incident = { "incident_id": string; "tenant_id": string; "status": "open" | "investigating" | "identified" | "mitigating" | "resolved" | "closed"; "title": string; "severity": "critical" | "warning" | "info" | "unknown"; "service": (string | null); "context": ContextRef; "group_key": string; "opened_at": string; "updated_at": string; "resolved_at": (string | null); "revision": number };

export type IncidentView = { "incident": Incident; "alerts": Array<Alert>; "investigations": Array<Investigation>; "evidence": Array<EvidenceView> };

export type Alert = { "alert_id": string; "tenant_id": string; "fingerprint": string; "status": "firing" | "resolved"; "labels": Record<string, string>; "annotations": Record<string, string>; "starts_at": string; "ends_at": (string | null); "generator_url": string; "received_at": string; "deliveries": number; "incident_id": string };

export type Investigation = { "investigation_id": string; "incident_id": string; "tenant_id": string; "status": "queued" | "running" | "concluded" | "abstained" | "failed"; "findings": Array<Finding>; "excluded": Array<Exclusion>; "missing": Array<{ "what": string; "reason": string }>; "matched": Array<{ "playbook": string; "matched": boolean; "because": Array<string> }>; "plan_id": (string | null); "conclusion": string; "queued_at": string; "started_at": (string | null); "ended_at": (string | null) };

export type Finding = { "analyzer": string; "cause": string; "statement": string; "object": { "kind": string; "id": string }; "confidence": "certain" | "likely" | "possible"; "evidence_ids": Array<string>; "values": Record<string, (string | number | boolean)> };

export type Exclusion = { "analyzer": string; "hypothesis": string; "reason": string; "evidence_ids": Array<string> };

export type PlaybookView = { "name": string; "digest": string; "enabled": boolean; "source": string; "updated_at": string; "document": Record<string, unknown> };

export type WorkflowView = { "name": string; "title": string; "version": number; "input": Record<string, unknown> };

export type ScheduleView = { "schedule": { "schedule_id": string; "name": string; "definition": ScheduleDefinition; "paused": ({ "by": string; "note": string; "at": string } | null); "authors": Array<string>; "created_at": string; "updated_at": string; "updated_by": string; "next_at": (string | null); "revision": number }; "upcoming": Array<{ "nominal_at": string; "due_at": string }>; "firings": Array<FiringView> };

export type ScheduleDefinition = { "workflow": string; "input": Record<string, unknown>; "reason": string; "cron": string; "time_zone": string; "jitter_s": number; "overlap": "skip" | "buffer_one" | "allow_all"; "catch_up_window_s": number; "catch_up": "one" | "all"; "start_at": (string | null); "end_at": (string | null) };

export type FiringView = { "firing_id": string; "schedule_id": string; "cause": "cron" | "backfill" | "manual"; "requested_by": (string | null); "nominal_at": string; "until_at": string; "count": number; "due_at": string; "deadline_at": string; "status": "waiting" | "planned" | "refused" | "skipped" | "missed" | "failed"; "reason": string; "plan_id": (string | null); "attempts": number; "recorded_at": string; "ended_at": (string | null); "plan_status": ("policy_denied" | "awaiting_approval" | "held" | "approved" | "denied" | "expired" | "stale" | "cancelled" | "executing" | "succeeded" | "succeeded_with_skips" | "failed" | "rolled_back" | "parked" | null) };

export interface Api {
  /** Make a plan from a playbook for an incident. */
  createPlan: {
    params: undefined;
    query: undefined;
    body: { "playbook": string; "incident_id": string };
    response: PlanView;
  };
  /** Plans, newest first. */
  listPlans: {
    params: undefined;
    query: { "limit"?: number; "cursor"?: string; "status"?: "policy_denied" | "awaiting_approval" | "held" | "approved" | "denied" | "expired" | "stale" | "cancelled" | "executing" | "succeeded" | "succeeded_with_skips" | "failed" | "rolled_back" | "parked"; "incident_id"?: string };
    body: undefined;
    response: { "items": Array<PlanSummary>; "next_cursor": (string | null) };
  };
  /** One plan with its approvals and its card. */
  getPlan: {
    params: { "plan_id": string };
    query: undefined;
    body: undefined;
    response: PlanView;
  };
  /** Run an approved plan. It runs at most once; asking again answers with the same execution. */
  executePlan: {
    params: { "plan_id": string };
    query: undefined;
    body: { "plan_hash"?: string };
    response: ExecutionSummary;
  };
  /** Give up a plan that has not started. */
  cancelPlan: {
    params: { "plan_id": string };
    query: undefined;
    body: { "reason": string };
    response: PlanView;
  };
  /** Let a held plan wait for approval again. */
  releasePlan: {
    params: { "plan_id": string };
    query: undefined;
    body: { "reason": string };
    response: PlanView;
  };
  /** Carry a plan out without its approvers: humans only, announced, valid for an hour, reviewed after. */
  breakGlassPlan: {
    params: { "plan_id": string };
    query: undefined;
    body: { "reason": string; "incident_id": string };
    response: PlanView;
  };
  /** Approve or deny a plan, bound to its hash. */
  decideApproval: {
    params: undefined;
    query: undefined;
    body: { "plan_id": string; "plan_hash": string; "verdict": "approve" | "deny"; "comment"?: string; "statement"?: { "body": { "type": "carapulse.approval.v1"; "verdict": "approve" | "deny"; "plan_id": string; "plan_hash": string; "requested_by": string; "approver": string; "assurance": "key" | "session" | "local" | "service"; "break_glass": ({ "reason": string; "incident_id": string } | null); "comment": string; "attested"?: { "roles": Array<"admin" | "operator" | "developer" | "observer" | "anonymous">; "groups": Array<string> }; "issued_at": string; "expires_at": string; "nonce": string }; "signed": { "key_id": string; "signature": string } } };
    response: { "approval_id": string; "plan_id": string; "status": "policy_denied" | "awaiting_approval" | "held" | "approved" | "denied" | "expired" | "stale" | "cancelled" | "executing" | "succeeded" | "succeeded_with_skips" | "failed" | "rolled_back" | "parked"; "needed": number; "have": number; "execution_id": (string | null) };
  };
  /** What was decided about a plan. */
  listApprovals: {
    params: { "plan_id": string };
    query: undefined;
    body: undefined;
    response: { "items": Array<ApprovalView> };
  };
  /** Take an approval back. Steps that have not started do not start. */
  revokeApproval: {
    params: { "plan_id": string; "approval_id": string };
    query: undefined;
    body: { "reason": string };
    response: { "items": Array<ApprovalView> };
  };
  /** Executions, newest first. */
  listExecutions: {
    params: undefined;
    query: { "limit"?: number; "cursor"?: string };
    body: undefined;
    response: { "items": Array<ExecutionSummary>; "next_cursor": (string | null) };
  };
  /** One execution with its steps, checks, evidence, and what each step waits for. */
  getExecution: {
    params: { "execution_id": string };
    query: undefined;
    body: undefined;
    response: ExecutionView;
  };
  /** What the run was given, has heard and answered; `carapulse workflow replay` takes it as a file. */
  getHistory: {
    params: { "execution_id": string };
    query: undefined;
    body: undefined;
    response: ({ "format": 1; "engine": "embedded"; "run_id": string; "machine": string; "version": number; "input": Record<string, unknown>; "started_at_ms": number; "events": Array<Record<string, unknown>>; "result": (Record<string, unknown> | null) } | { "format": 1; "engine": "temporal"; "run_id": string; "history": { "events": Array<Record<string, unknown>> } });
  };
  /** Live log as server-sent events; resumes after Last-Event-ID; ends with `stream.end`, which says whether to `reconnect`. */
  streamLogs: {
    params: { "execution_id": string };
    query: undefined;
    body: undefined;
    response: string;
  };
  /** Stop a run; what it wrote is undone. */
  cancelExecution: {
    params: { "execution_id": string };
    query: undefined;
    body: { "reason": string };
    response: ExecutionSummary;
  };
  /** Let a run that is paused, halted or parked go on. */
  resumeExecution: {
    params: { "execution_id": string };
    query: undefined;
    body: { "reason": string };
    response: ExecutionSummary;
  };
  /** Say what became of a step whose outcome is unknown. */
  resolveStep: {
    params: { "execution_id": string; "step_id": string };
    query: undefined;
    body: { "outcome": "done" | "not_done"; "reason": string };
    response: ExecutionSummary;
  };
  /** Start nothing more; what is under way is awaited. */
  pauseExecution: {
    params: { "execution_id": string };
    query: undefined;
    body: { "reason": string };
    response: ExecutionSummary;
  };
  /** Make one more attempt at a step that failed, or at an undo. */
  retryStep: {
    params: { "execution_id": string };
    query: undefined;
    body: { "step_id": string; "reason": string };
    response: ExecutionSummary;
  };
  /** Declare a step that has not run, or an inconclusive check, done by a person’s word. */
  skipStep: {
    params: { "execution_id": string };
    query: undefined;
    body: { "step_id"?: string; "check_id"?: string; "reason": string };
    response: ExecutionSummary;
  };
  /** Take a run over by hand: the engine starts nothing more, forward or back. */
  takeoverExecution: {
    params: { "execution_id": string };
    query: undefined;
    body: { "reason": string };
    response: ExecutionSummary;
  };
  /** Give a run that was taken over back to the engine. */
  handbackExecution: {
    params: { "execution_id": string };
    query: undefined;
    body: { "reason": string };
    response: ExecutionSummary;
  };
  /** End a run that was taken over, as a person says. */
  finishExecution: {
    params: { "execution_id": string };
    query: undefined;
    body: { "as": "succeeded" | "rolled_back" | "failed"; "reason": string };
    response: ExecutionSummary;
  };
  /** Incidents, newest first. */
  listIncidents: {
    params: undefined;
    query: { "limit"?: number; "cursor"?: string; "status"?: "open" | "investigating" | "identified" | "mitigating" | "resolved" | "closed" };
    body: undefined;
    response: { "items": Array<Incident>; "next_cursor": (string | null) };
  };
  /** One incident with its alerts, investigations and evidence. */
  getIncident: {
    params: { "incident_id": string };
    query: undefined;
    body: undefined;
    response: IncidentView;
  };
  /** Look into an incident again. */
  investigateIncident: {
    params: { "incident_id": string };
    query: undefined;
    body: { "reason": string };
    response: IncidentView;
  };
  /** Close an incident for good. */
  closeIncident: {
    params: { "incident_id": string };
    query: undefined;
    body: { "reason": string };
    response: IncidentView;
  };
  /** All playbooks. */
  listPlaybooks: {
    params: undefined;
    query: undefined;
    body: undefined;
    response: { "items": Array<PlaybookView> };
  };
  /** Add or replace a playbook, given as YAML. */
  putPlaybook: {
    params: undefined;
    query: undefined;
    body: { "source": string; "yaml": string };
    response: PlaybookView;
  };
  /** All named workflows, with the JSON Schema of what each takes. */
  listWorkflows: {
    params: undefined;
    query: undefined;
    body: undefined;
    response: { "items": Array<WorkflowView> };
  };
  /** Make the plan of a named workflow; it waits for what policy asks, and nothing is changed yet. */
  startWorkflow: {
    params: { "name": string };
    query: undefined;
    body: { "input": Record<string, unknown>; "reason": string };
    response: PlanView;
  };
  /** Have the plan of a named workflow made at times; policy decides on each when it is made. */
  createSchedule: {
    params: undefined;
    query: undefined;
    body: { "name": string; "definition": { "workflow": string; "input": Record<string, unknown>; "reason": string; "cron": string; "time_zone"?: string; "jitter_s"?: number; "overlap"?: "skip" | "buffer_one" | "allow_all"; "catch_up_window_s"?: number; "catch_up"?: "one" | "all"; "start_at"?: (string | null); "end_at"?: (string | null) } };
    response: ScheduleView;
  };
  /** Schedules, newest first, each with its next times and its last firings. */
  listSchedules: {
    params: undefined;
    query: { "limit"?: number; "cursor"?: string };
    body: undefined;
    response: { "items": Array<ScheduleView>; "next_cursor": (string | null) };
  };
  /** One schedule with its next times and its last firings. */
  getSchedule: {
    params: { "name": string };
    query: { "firings"?: number };
    body: undefined;
    response: ScheduleView;
  };
  /** Give a schedule another definition, whole, if it still has the revision that was seen. */
  replaceSchedule: {
    params: { "name": string };
    query: undefined;
    body: { "definition": { "workflow": string; "input": Record<string, unknown>; "reason": string; "cron": string; "time_zone"?: string; "jitter_s"?: number; "overlap"?: "skip" | "buffer_one" | "allow_all"; "catch_up_window_s"?: number; "catch_up"?: "one" | "all"; "start_at"?: (string | null); "end_at"?: (string | null) }; "revision": number };
    response: ScheduleView;
  };
  /** Remove a schedule; plans that it made go on. Answers with what it was. */
  deleteSchedule: {
    params: { "name": string };
    query: { "reason": string };
    body: undefined;
    response: ScheduleView;
  };
  /** Let its times pass, each recorded as missed, until it is resumed. */
  pauseSchedule: {
    params: { "name": string };
    query: undefined;
    body: { "note": string };
    response: ScheduleView;
  };
  /** Let it fire again, from now on. */
  resumeSchedule: {
    params: { "name": string };
    query: undefined;
    body: { "note": string };
    response: ScheduleView;
  };
  /** Fire it now, paused or not. */
  triggerSchedule: {
    params: { "name": string };
    query: undefined;
    body: { "reason": string };
    response: FiringView;
  };
  /** Fire its times in [from, to) that have made no plan, at most 100. */
  backfillSchedule: {
    params: { "name": string };
    query: undefined;
    body: { "from": string; "to": string; "reason": string };
    response: { "queued": number; "existing": number };
  };
  /** The audit trail, newest first. */
  listAuditEvents: {
    params: undefined;
    query: { "limit"?: number; "cursor"?: string; "action"?: string; "actor_id"?: string; "subject_id"?: string };
    body: undefined;
    response: { "items": Array<{ "seq": number; "at": string; "action": string; "actor_id": string; "subject_id": string; "record": Record<string, unknown> }>; "next_cursor": (string | null) };
  };
  /** Alertmanager's webhook (version 4). */
  receiveAlerts: {
    params: undefined;
    query: undefined;
    body: Record<string, unknown>;
    response: { "received": number; "incidents": Array<{ "incident_id": string; "kind": string }>; "ignored": Array<{ "fingerprint": string; "reason": string }>; "rejected": Array<{ "index": number; "detail": string }> };
  };
  /** What is halted. */
  getHalt: {
    params: undefined;
    query: undefined;
    body: undefined;
    response: { "halted": Array<{ "scope": string; "reason": string; "by": string; "at": string }> };
  };
  /** Stop every write of a scope, at once. */
  setHalt: {
    params: undefined;
    query: undefined;
    body: { "scope"?: string; "reason": string };
    response: { "halted": Array<{ "scope": string; "reason": string; "by": string; "at": string }> };
  };
  /** Let writes of a scope run again. */
  clearHalt: {
    params: undefined;
    query: undefined;
    body: { "scope"?: string; "reason": string };
    response: { "halted": Array<{ "scope": string; "reason": string; "by": string; "at": string }> };
  };
  /** The process answers. */
  healthz: {
    params: undefined;
    query: undefined;
    body: undefined;
    response: { "status": "ok" };
  };
  /** Whether it can do its work, and what is not ready. */
  readyz: {
    params: undefined;
    query: undefined;
    body: undefined;
    response: { "ready": boolean; "checks": Array<{ "name": string; "ok": boolean; "detail": string }> };
  };
  /** Metrics in Prometheus text format. */
  metrics: {
    params: undefined;
    query: undefined;
    body: undefined;
    response: string;
  };
  /** This document. */
  openapi: {
    params: undefined;
    query: undefined;
    body: undefined;
    response: Record<string, unknown>;
  };
}

export const OPERATIONS = {
  createPlan: { method: 'POST', path: '/v1/plans' },
  listPlans: { method: 'GET', path: '/v1/plans' },
  getPlan: { method: 'GET', path: '/v1/plans/{plan_id}' },
  executePlan: { method: 'POST', path: '/v1/plans/{plan_id}/execute' },
  cancelPlan: { method: 'POST', path: '/v1/plans/{plan_id}/cancel' },
  releasePlan: { method: 'POST', path: '/v1/plans/{plan_id}/release' },
  breakGlassPlan: { method: 'POST', path: '/v1/plans/{plan_id}/break-glass' },
  decideApproval: { method: 'POST', path: '/v1/approvals' },
  listApprovals: { method: 'GET', path: '/v1/plans/{plan_id}/approvals' },
  revokeApproval: { method: 'POST', path: '/v1/plans/{plan_id}/approvals/{approval_id}/revoke' },
  listExecutions: { method: 'GET', path: '/v1/executions' },
  getExecution: { method: 'GET', path: '/v1/executions/{execution_id}' },
  getHistory: { method: 'GET', path: '/v1/executions/{execution_id}/history' },
  streamLogs: { method: 'GET', path: '/v1/executions/{execution_id}/logs' },
  cancelExecution: { method: 'POST', path: '/v1/executions/{execution_id}/cancel' },
  resumeExecution: { method: 'POST', path: '/v1/executions/{execution_id}/resume' },
  resolveStep: { method: 'POST', path: '/v1/executions/{execution_id}/steps/{step_id}/resolve' },
  pauseExecution: { method: 'POST', path: '/v1/executions/{execution_id}/pause' },
  retryStep: { method: 'POST', path: '/v1/executions/{execution_id}/retry' },
  skipStep: { method: 'POST', path: '/v1/executions/{execution_id}/skip' },
  takeoverExecution: { method: 'POST', path: '/v1/executions/{execution_id}/takeover' },
  handbackExecution: { method: 'POST', path: '/v1/executions/{execution_id}/handback' },
  finishExecution: { method: 'POST', path: '/v1/executions/{execution_id}/finish' },
  listIncidents: { method: 'GET', path: '/v1/incidents' },
  getIncident: { method: 'GET', path: '/v1/incidents/{incident_id}' },
  investigateIncident: { method: 'POST', path: '/v1/incidents/{incident_id}/investigate' },
  closeIncident: { method: 'POST', path: '/v1/incidents/{incident_id}/close' },
  listPlaybooks: { method: 'GET', path: '/v1/playbooks' },
  putPlaybook: { method: 'POST', path: '/v1/playbooks' },
  listWorkflows: { method: 'GET', path: '/v1/workflows' },
  startWorkflow: { method: 'POST', path: '/v1/workflows/{name}/start' },
  createSchedule: { method: 'POST', path: '/v1/schedules' },
  listSchedules: { method: 'GET', path: '/v1/schedules' },
  getSchedule: { method: 'GET', path: '/v1/schedules/{name}' },
  replaceSchedule: { method: 'PUT', path: '/v1/schedules/{name}' },
  deleteSchedule: { method: 'DELETE', path: '/v1/schedules/{name}' },
  pauseSchedule: { method: 'POST', path: '/v1/schedules/{name}/pause' },
  resumeSchedule: { method: 'POST', path: '/v1/schedules/{name}/resume' },
  triggerSchedule: { method: 'POST', path: '/v1/schedules/{name}/trigger' },
  backfillSchedule: { method: 'POST', path: '/v1/schedules/{name}/backfill' },
  listAuditEvents: { method: 'GET', path: '/v1/audit/events' },
  receiveAlerts: { method: 'POST', path: '/v1/hooks/alertmanager' },
  getHalt: { method: 'GET', path: '/v1/halt' },
  setHalt: { method: 'POST', path: '/v1/halt' },
  clearHalt: { method: 'POST', path: '/v1/halt/clear' },
  healthz: { method: 'GET', path: '/healthz' },
  readyz: { method: 'GET', path: '/readyz' },
  metrics: { method: 'GET', path: '/metrics' },
  openapi: { method: 'GET', path: '/openapi.json' },
} as const satisfies Readonly<Record<keyof Api, { readonly method: string; readonly path: string }>>;

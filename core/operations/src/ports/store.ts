import type { Alert, Incident, IncidentStatus, Investigation } from '@carapulse/incident';
import type { PlanStatus } from '@carapulse/plan';
import type {
  ApprovalRecord,
  CheckRecord,
  EventRecord,
  EventType,
  EvidenceRecord,
  ExecutionRecord,
  IdempotencyClaim,
  IdempotencyRecord,
  LeaseRecord,
  LogRecord,
  Page,
  PageRequest,
  PlanFilter,
  PlanRecord,
  PlaybookRecord,
  StepRecord,
  StoredAudit,
  ToolCallRecord,
} from './records.ts';
import type { ScheduleReads, ScheduleWrites } from './schedule-store.ts';

/** `details.reason` of an `unavailable` that comes from the store itself, and not from what a tool reached for. */
export const STORE_AWAY = 'store_away';

/**
 * The product's memory. Invariants, each held by the database itself where it can be:
 * 1. What `transaction` returned is on disk; what it threw left nothing, but for `STORE_AWAY`: then the change is there
 *    or not, and whoever asked asks again.
 * 2. Updates name the revision they saw; another one fails with `conflict` (retryable) and changes nothing.
 * 3. One execution a plan; one live lease a target; one response an idempotency key; one open incident a group key.
 * 4. Audit and events are append-only, dense, and in commit order: their numbers are taken under one head lock.
 * 5. Lists are by tenant; a row of another tenant does not exist for the caller.
 * No tool, network or process runs inside a transaction.
 */
export interface Store {
  transaction<T>(work: (tx: StoreTransaction) => Promise<T>): Promise<T>;
  /** Reads outside a transaction see the last committed state. */
  readonly read: StoreReads;
  /**
   * Called after each commit that appended events, once for each of their types, or with null when any may have been
   * missed; a hint, the table is the truth.
   */
  onEvents(listener: (type: EventType | null) => void): () => void;
  /** Called after each commit that appended log lines of the execution; a hint as well. */
  onLogs(listener: (executionId: string) => void): () => void;
  ping(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export interface StoreReads extends ScheduleReads {
  plan(tenantId: string, planId: string): Promise<PlanRecord | null>;
  /** Newest first. */
  plans(tenantId: string, filter: PlanFilter, page: PageRequest): Promise<Page<PlanRecord>>;
  approvals(planId: string): Promise<readonly ApprovalRecord[]>;
  execution(tenantId: string, executionId: string): Promise<ExecutionRecord | null>;
  executionOfPlan(planId: string): Promise<ExecutionRecord | null>;
  executions(tenantId: string, page: PageRequest): Promise<Page<ExecutionRecord>>;
  /** Not ended, with a reason that starts so, oldest first, of every tenant. */
  waitingExecutions(reasonPrefix: string, limit: number): Promise<readonly ExecutionRecord[]>;
  steps(executionId: string): Promise<readonly StepRecord[]>;
  checks(executionId: string): Promise<readonly CheckRecord[]>;
  logs(executionId: string, afterSeq: number, limit: number): Promise<readonly LogRecord[]>;
  incident(tenantId: string, incidentId: string): Promise<Incident | null>;
  incidents(
    tenantId: string,
    status: readonly IncidentStatus[] | null,
    page: PageRequest,
  ): Promise<Page<Incident>>;
  alerts(incidentId: string): Promise<readonly Alert[]>;
  investigations(incidentId: string): Promise<readonly Investigation[]>;
  evidence(of: {
    readonly executionId?: string;
    readonly investigationId?: string;
  }): Promise<readonly EvidenceRecord[]>;
  evidenceById(evidenceId: string): Promise<EvidenceRecord | null>;
  playbooks(tenantId: string): Promise<readonly PlaybookRecord[]>;
  /** In chain order from `afterSeq`, at most `limit`. */
  audit(tenantId: string | null, afterSeq: number, limit: number): Promise<readonly StoredAudit[]>;
  auditHead(): Promise<{ readonly seq: number; readonly mac: string | null }>;
  /** Newest first, for people; filters are exact. */
  auditSearch(
    tenantId: string,
    filter: { readonly action?: string; readonly actor_id?: string; readonly subject_id?: string },
    page: PageRequest,
  ): Promise<Page<StoredAudit>>;
  events(tenantId: string, afterSeq: number, limit: number): Promise<readonly EventRecord[]>;
  leases(): Promise<readonly LeaseRecord[]>;
  /** Plans that wait for people or dispatch and whose instant has come. */
  duePlans(nowIso: string, limit: number): Promise<readonly PlanRecord[]>;
  /** Dispatch rows not yet taken, oldest first. */
  pendingDispatches(
    limit: number,
  ): Promise<ReadonlyArray<{ readonly execution_id: string; readonly plan_id: string }>>;
  /** Not ended, oldest first: queued ones, and running ones that a crash may have left. */
  queuedInvestigations(limit: number): Promise<readonly Investigation[]>;
  toolCall(key: string): Promise<ToolCallRecord | null>;
  /** Writes begun against a service in the last hour, for the automated-writes limit. */
  automatedWritesSince(tenantId: string, service: string, sinceIso: string): Promise<number>;
  /**
   * The numbers of the processes that have the database now. Whoever lost its session a moment ago is missing; it has
   * no say that a compare-and-set doesn't check.
   */
  livingProcesses(): Promise<ReadonlySet<number>>;
  /** The newest hold of the run that a transaction of it has told; null when there is no such execution. */
  runEpoch(executionId: string): Promise<number | null>;
}

/** Writes, and reads that see them. Everything here happens together or not at all. */
export interface StoreTransaction extends StoreReads, ScheduleWrites {
  insertPlan(record: PlanRecord): Promise<void>;
  updatePlan(
    planId: string,
    expectedRevision: number,
    change: { readonly status: PlanStatus; readonly status_reason: string; readonly updated_at: string },
  ): Promise<void>;
  insertApproval(record: ApprovalRecord): Promise<void>;
  revokeApproval(approvalId: string, by: string, at: string): Promise<void>;
  /** @throws AppError `conflict` when the plan has an execution already. Also writes the dispatch row. */
  insertExecution(record: ExecutionRecord): Promise<void>;
  updateExecution(
    executionId: string,
    expectedRevision: number,
    change: Partial<
      Pick<
        ExecutionRecord,
        'status' | 'status_reason' | 'epoch' | 'started_at' | 'first_write_at' | 'ended_at' | 'steering'
      >
    >,
  ): Promise<void>;
  completeDispatch(executionId: string, at: string): Promise<void>;
  upsertStep(record: StepRecord): Promise<void>;
  insertCheck(record: CheckRecord): Promise<void>;
  /** Numbers are given by the store: dense per execution. */
  appendLogs(
    executionId: string,
    lines: ReadonlyArray<Omit<LogRecord, 'seq' | 'execution_id'>>,
  ): Promise<void>;
  insertIncident(incident: Incident): Promise<void>;
  updateIncident(incident: Incident, expectedRevision: number): Promise<void>;
  openIncidentByGroup(tenantId: string, groupKey: string): Promise<Incident | null>;
  /** Inserts, or counts one more delivery and takes the newer status of the same fingerprint in the incident. */
  upsertAlert(alert: Alert): Promise<'inserted' | 'updated'>;
  insertInvestigation(investigation: Investigation): Promise<void>;
  updateInvestigation(investigation: Investigation): Promise<void>;
  /**
   * Makes the process the one that conducts an investigation which has not ended. False when that is over, or when
   * another process conducts it which is `living`. The claim is nobody else's until the transaction has ended.
   */
  claimInvestigation(investigationId: string, process: number, living: ReadonlySet<number>): Promise<boolean>;
  insertEvidence(record: EvidenceRecord): Promise<void>;
  upsertPlaybook(record: PlaybookRecord): Promise<void>;
  /**
   * Appends one audit record. Takes the head lock, hands the head to `chain`, stores what it returns.
   * Lock order: domain rows first, the head last.
   */
  appendAudit(
    chain: (head: { readonly seq: number; readonly mac: string | null }) => StoredAudit,
  ): Promise<StoredAudit>;
  appendEvent(event: Omit<EventRecord, 'seq'>): Promise<void>;
  /**
   * All targets or none. A lease is taken when it is ours, or has expired and its holder is no run that goes on: after
   * a pause or a jump of the clock its target is as unfinished as before. @throws AppError `lease_held` naming the holder.
   */
  acquireLeases(
    targets: readonly string[],
    holder: string,
    epoch: number,
    nowIso: string,
    expiresIso: string,
  ): Promise<void>;
  renewLeases(holder: string, expiresIso: string): Promise<number>;
  releaseLeases(holder: string): Promise<void>;
  /**
   * New keys are inserted without a response. One that a process which is neither `living` nor the caller left without
   * having acted is taken over by the same request as if it were new. Every other one comes back as it is.
   */
  claimIdempotency(
    record: IdempotencyRecord,
    living: ReadonlySet<number>,
  ): Promise<{ readonly kind: 'new' } | { readonly kind: 'known'; readonly record: IdempotencyRecord }>;
  /** Goes with the first change under a key. @throws AppError `fenced` when another process has taken the key over. */
  actIdempotency(claim: IdempotencyClaim): Promise<void>;
  completeIdempotency(
    claim: IdempotencyClaim,
    response: NonNullable<IdempotencyRecord['response']>,
  ): Promise<void>;
  /** Gives back a key without a response: forgotten when nothing was done under it, else left as nobody's. */
  releaseIdempotency(claim: IdempotencyClaim): Promise<void>;
  insertToolCall(record: ToolCallRecord): Promise<'inserted' | 'exists'>;
  /** Moves a call from one process to another, 0 being none. False when it isn't that one's, or is done. */
  moveToolCall(key: string, from: number, to: number): Promise<boolean>;
  /** @throws AppError `fenced` when the call isn't the process's. */
  updateToolCall(
    key: string,
    process: number,
    change: Pick<ToolCallRecord, 'state' | 'response' | 'code' | 'ended_at'>,
  ): Promise<void>;
  /** @throws AppError `fenced` when the call is there and isn't the process's. */
  deleteToolCall(key: string, process: number): Promise<void>;
  /** Waits until no other transaction that named the same is under way, and keeps others waiting until this one ends. */
  alone(name: string): Promise<void>;
  /** A number that no process before had: the next one. */
  claimEpoch(): Promise<number>;
  /**
   * First in each transaction of a run: raises the run's epoch to that of the hold, and lets nobody else write of this
   * run until the transaction has ended. @throws AppError `fenced` when a newer hold has written already.
   */
  enterRun(executionId: string, epoch: number): Promise<void>;
}

/** The same store for one hold of a run: once a newer one has begun to write, it writes nothing more. */
export function heldStore(store: Store, executionId: string, epoch: number): Store {
  return {
    ...store,
    transaction: (work) =>
      store.transaction(async (tx) => {
        await tx.enterRun(executionId, epoch);
        return work(tx);
      }),
  };
}

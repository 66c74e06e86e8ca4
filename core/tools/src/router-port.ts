import type { Envelope } from '@carapulse/approval';
import type { Actor, ContextRef, JsonObject, JsonValue } from '@carapulse/kernel';
import type { OutputChunk } from './sandbox.ts';

/** One call of a tool. Writes carry the signed envelope; the router runs the envelope's step, never `input` as such. */
export interface ToolRequest {
  readonly tool: string;
  readonly action: string;
  readonly input: JsonObject;
  readonly context: ContextRef;
  readonly actor: Actor;
  /** `runId/stepId/attempt` for steps; unique for anything else. */
  readonly idempotencyKey: string;
  readonly executionId: string | null;
  /** Under which epoch the run is held that asks; null outside of runs. */
  readonly epoch: number | null;
  readonly investigationId: string | null;
  /** The plan that a read is made for, where no incident asked for it. */
  readonly planId?: string;
  readonly envelope: Envelope | null;
}

/** A run, and under which epoch it is held. What belongs to a run is recorded under its newest hold only. */
export interface RunHold {
  readonly executionId: string;
  readonly epoch: number;
}

export interface ToolResponse {
  /** Parsed with the action's output schema, redacted. */
  readonly output: JsonValue;
  /** True when an earlier attempt had done it and nothing ran now. */
  readonly repeated: boolean;
  readonly evidenceId: string;
  readonly durationMs: number;
}

export interface CallOptions {
  readonly signal: AbortSignal;
  readonly onOutput?: (chunk: OutputChunk) => void;
  /**
   * Signs a write's envelope anew, with the run and its approvals as they stand then: for whoever asks a router again
   * after it was lost, since that takes longer than an envelope lives.
   */
  readonly renewEnvelope?: () => Promise<Envelope>;
}

/**
 * The one way of an effect: schema → grant → halt → policy → journal and audit of intent → sandbox → redaction → journal and
 * audit of the outcome.
 * @throws AppError `invalid_input`, `approval_invalid`, `policy_denied`, `halted`, `fenced`, `plan_expired`,
 * `outcome_unknown` (an unsafe or unobservable write that may have happened), `sandbox_unavailable`,
 * `tool_failed` (retryable where the tool said so), `timeout`, `cancelled`, `not_supported`.
 */
export interface ToolRouter {
  execute(request: ToolRequest, options: CallOptions): Promise<ToolResponse>;
}

/**
 * What the router remembers of calls, so that nothing is blindly run twice. Durable before each promise resolves.
 * The key of a write is `executionId/stepId/direction`, so that every attempt of a step shares one intent; a read's
 * is the request's idempotency key.
 */
export interface ToolCallJournal {
  /** Claims the plan for one execution, for ever; answers which execution holds it. The first claim wins. */
  claimPlan(planId: string, executionId: string): Promise<string>;
  /**
   * What it gives is this process's to carry out, until it ends or leaves it.
   * @throws AppError `conflict` when the key is known with another input; `idempotency_in_progress` while another
   * process that lives carries the write out under the same hold of its run.
   */
  begin(call: {
    readonly key: string;
    readonly tool: string;
    readonly action: string;
    readonly kind: 'read' | 'write';
    readonly inputDigest: string;
    readonly executionId: string | null;
    readonly epoch: number | null;
  }): Promise<
    | { readonly kind: 'new' }
    /** An intent without an outcome (the process died in the middle), or an outcome `failed`. */
    | { readonly kind: 'interrupted' }
    | { readonly kind: 'done'; readonly response: ToolResponse }
  >;
  /** Asked last before an effect. @throws AppError `fenced` when another process has taken the call over. */
  assertOurs(key: string): Promise<void>;
  /** A call that `begin` gave ends here without an outcome; from now on any process may take it up. */
  leave(key: string): Promise<void>;
  /** `not_done` clears the intent: the call certainly had no effect, so the key may be used again. */
  finish(
    key: string,
    outcome:
      | { readonly kind: 'done'; readonly response: ToolResponse }
      | { readonly kind: 'failed'; readonly code: string }
      | { readonly kind: 'not_done' },
    hold: RunHold | null,
  ): Promise<void>;
}

/** The switch that stops every write. Lives outside database, policy and gateway; survives restarts. */
export interface HaltSwitch {
  /** Null when writes may run, else why and by whom they were stopped. Read before every write. */
  state(scope: ContextRef): HaltState | null;
  /** Aborts when a halt begins; writes in flight are ended by it. */
  signal(scope: ContextRef): AbortSignal;
}

export interface HaltState {
  readonly scope: string;
  readonly reason: string;
  readonly by: string;
  readonly at: string;
}

/** Refuses a process whose run another one has taken over: the epoch must be the newest that was seen of the run. */
export interface EpochGuard {
  /** @throws AppError `fenced` when a newer hold of the run is known, or the run isn't. */
  assertCurrent(hold: RunHold): Promise<void>;
}

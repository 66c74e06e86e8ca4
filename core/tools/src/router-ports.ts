import type { Actor, ContextRef, JsonValue } from '@carapulse/kernel';
import type { Constraint, Decision, Effect } from '@carapulse/policy';

/** One record of a call. `intent` precedes an effect, `outcome` follows it (and is the only one of a read). */
export interface ToolAuditEntry {
  readonly phase: 'intent' | 'outcome' | 'refused';
  readonly tool: string;
  readonly action: string;
  readonly kind: 'read' | 'write' | null;
  readonly actor: Actor;
  readonly context: ContextRef;
  readonly inputDigest: string;
  readonly idempotencyKey: string;
  readonly executionId: string | null;
  readonly epoch: number | null;
  readonly investigationId: string | null;
  /** What allowed a write; null for a read and for what was refused before it was granted. */
  readonly grant: {
    readonly planId: string;
    readonly planHash: string;
    readonly stepId: string;
    readonly direction: 'forward' | 'rollback';
    readonly epoch: number;
    readonly approvers: readonly string[];
  } | null;
  readonly decision: { readonly decision: Decision['decision']; readonly rules: readonly string[] } | null;
  /** Null in an intent. `unknown` parks the run. */
  readonly outcome: {
    readonly kind: 'done' | 'observed_done' | 'not_done' | 'failed' | 'unknown' | 'refused';
    readonly code: string | null;
    readonly reason: string | null;
    readonly evidenceId: string | null;
    readonly durationMs: number;
  } | null;
}

/** Appends to the audit chain; resolves once the record is durable. */
export interface ToolAudit {
  record(entry: ToolAuditEntry): Promise<void>;
}

/** Keeps what a call returned. */
export interface EvidenceSink {
  /** @returns the id of the stored, checksummed evidence. `data` is redacted already. */
  put(evidence: {
    /** `<tool>_<action>`. */
    readonly kind: string;
    readonly tool: string;
    readonly action: string;
    readonly target: string;
    readonly context: ContextRef;
    readonly executionId: string | null;
    readonly epoch: number | null;
    readonly investigationId: string | null;
    readonly planId: string | null;
    readonly data: JsonValue;
  }): Promise<string>;
}

/** Takes secrets out of everything that leaves a tool. */
export interface OutputRedactor {
  readonly json: (value: JsonValue) => JsonValue;
  readonly text: (text: string) => string;
  /** For text that comes in chunks; `push` and `end` give what is safe to show. */
  readonly stream: () => { push(chunk: string): string; end(): string };
}

/** Directories of one call, made and removed outside core. */
export interface Workspace {
  /** @param directories what `scratch` begins with, relative paths, parents first. */
  open(tool: string, directories: readonly string[], signal: AbortSignal): Promise<WorkspaceLease>;
}

export interface WorkspaceLease {
  /** Of this call alone; nothing is in it but the directories that were asked for. */
  readonly scratch: string;
  /** Kept between calls of the tool; shared by concurrent ones. */
  readonly cache: string;
  /** Removes `scratch`. Never throws. */
  close(): Promise<void>;
}

/** Tells which programs the sandbox would find. */
export interface ProgramFinder {
  has(program: string): boolean;
}

/** What constraints judge before an effect. */
export interface ConstraintFacts {
  readonly effects: readonly Effect[];
  readonly writeSteps: number;
  readonly maxRunMs: number;
  readonly reversible: boolean;
  readonly nowMs: number;
}

/** The constraints that the facts break, each with a sentence for people; an unknown kind is always broken. */
export type ConstraintJudge = (
  constraints: readonly Constraint[],
  facts: ConstraintFacts,
) => ReadonlyArray<{ readonly kind: string; readonly message: string }>;

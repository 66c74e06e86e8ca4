import { Actor, ContextRef, JsonObject } from '@carapulse/kernel';
import { z } from 'zod';

const mac = z.string().regex(/^[0-9a-f]{64}$/, 'a lower-case hex HMAC-SHA256');

/** What policy said, as far as the record needs it. */
export const AuditDecision = z.strictObject({
  decision: z.enum(['allow', 'deny', 'require_approval']),
  reasons: z.array(z.strictObject({ rule: z.string().min(1), message: z.string().min(1) })),
  bundle_digest: z.string().min(1).optional(),
});
export type AuditDecision = z.infer<typeof AuditDecision>;

/** How the action ended. `unknown` says that an effect may or may not have happened. */
export const AuditOutcome = z.strictObject({
  result: z.enum(['ok', 'denied', 'failed', 'unknown']),
  code: z.string().min(1).max(100).optional(),
});
export type AuditOutcome = z.infer<typeof AuditOutcome>;

/** What a caller says happened; the chain adds its place and its proof. `details` is redacted before it comes here. */
export const AuditEntry = z.strictObject({
  tenant_id: z.string().min(1).max(253),
  at: z.iso.datetime(),
  actor: Actor,
  /** `noun.verb`, e.g. `plan.create`, `approval.decide`, `tool.execute`. */
  action: z.string().regex(/^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$/, 'an action such as `plan.create`'),
  /** `intent` is written before an effect, `outcome` after it; `event` is complete by itself. */
  phase: z.enum(['intent', 'outcome', 'event']),
  subject: z.strictObject({ kind: z.string().min(1).max(100), id: z.string().min(1).max(300) }),
  context: ContextRef,
  decision: AuditDecision.optional(),
  outcome: AuditOutcome.optional(),
  request_id: z.string().min(1).max(200),
  details: JsonObject,
});
export type AuditEntry = z.infer<typeof AuditEntry>;

/** One link of the chain. `mac` covers every other field, `prev_mac` included. */
export const AuditRecord = z.strictObject({
  ...AuditEntry.shape,
  /** Dense from 1. */
  seq: z.int().positive(),
  key_id: z.string().min(1),
  prev_mac: mac,
  mac,
});
export type AuditRecord = z.infer<typeof AuditRecord>;

/**
 * A record as a store keeps it: the canonical JSON, and beside it the columns that are searched. The chain covers
 * the JSON; verification compares the columns with it, so that neither can be changed alone.
 */
export interface AuditRow {
  readonly seq: number;
  readonly tenant_id: string;
  readonly at: string;
  readonly action: string;
  readonly actor_id: string;
  readonly subject_id: string;
  readonly record: string;
  readonly mac: string;
}

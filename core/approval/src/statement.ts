import { Actor, Assurance, idSchema, Role } from '@carapulse/kernel';
import { Plan } from '@carapulse/plan';
import { z } from 'zod';

const planHash = z.string().regex(/^sha256:[0-9a-f]{64}$/);

/** What a person says of one plan. Bound to plan id and hash; it names the requester as the approver saw it. */
export const ApprovalStatement = z.strictObject({
  type: z.literal('carapulse.approval.v1'),
  verdict: z.enum(['approve', 'deny']),
  plan_id: idSchema('plan'),
  plan_hash: planHash,
  requested_by: z.string().min(1),
  approver: z.string().min(1),
  assurance: Assurance,
  /** Set when the approval is a break-glass one: who may give it and for how long differs. */
  break_glass: z
    .strictObject({ reason: z.string().min(1).max(1000), incident_id: z.string().min(1) })
    .nullable(),
  comment: z.string().max(2000),
  /**
   * What the gateway vouches for when it signs for somebody without a key of their own; absent in a statement
   * signed by a person, whose roles and groups come from the trust store alone.
   */
  attested: z.strictObject({ roles: z.array(Role), groups: z.array(z.string().min(1).max(200)) }).optional(),
  issued_at: z.iso.datetime(),
  /** After this instant the statement is void; at most the policy's `approval_ttl` after `issued_at`. */
  expires_at: z.iso.datetime(),
  nonce: z.string().min(16).max(100),
});
export type ApprovalStatement = z.infer<typeof ApprovalStatement>;

/** Ed25519 over the canonical JSON of `body`, prefixed with its type and a zero byte; base64. */
export const Signature = z.strictObject({ key_id: z.string().min(1), signature: z.base64() });
export type Signature = z.infer<typeof Signature>;

export const SignedStatement = z.strictObject({ body: ApprovalStatement, signed: Signature });
export type SignedStatement = z.infer<typeof SignedStatement>;

/**
 * What the tool router demands before a write: the whole plan, who approved it in their own
 * signatures, and the orchestrator's word on which step runs now under which epoch.
 */
export const EnvelopeBody = z.strictObject({
  type: z.literal('carapulse.envelope.v1'),
  plan: Plan,
  step_id: z.string().min(1),
  direction: z.enum(['forward', 'rollback']),
  execution_id: idSchema('execution'),
  idempotency_key: z.string().min(1).max(300),
  /** Fencing epoch of the orchestrator that asks; a lower one than the newest seen is refused. */
  epoch: z.int().nonnegative(),
  /** Instant when the first write of this run started, or null when this is the first. */
  first_write_at: z.iso.datetime().nullable(),
  approvals: z.array(SignedStatement),
  issued_at: z.iso.datetime(),
  expires_at: z.iso.datetime(),
});
export type EnvelopeBody = z.infer<typeof EnvelopeBody>;

export const Envelope = z.strictObject({ body: EnvelopeBody, signed: Signature });
export type Envelope = z.infer<typeof Envelope>;

/** One public key we trust, from a file outside the database. */
export const TrustedKey = z.strictObject({
  key_id: z.string().min(1),
  /** SPKI PEM of an Ed25519 key. */
  public_key: z.string().min(1),
  /** `person` signs approvals, `orchestrator` envelopes, `gateway` statements for people it verified by session. */
  purpose: z.enum(['person', 'orchestrator', 'gateway']),
  /** For `person`: who holds it, with the roles and groups that count for approvals. */
  actor: Actor.nullable(),
  revoked_at: z.iso.datetime().nullable(),
});
export type TrustedKey = z.infer<typeof TrustedKey>;

/** The router's root of trust; read from disk at start and when the file changes, never from the database. */
export interface TrustStore {
  key(keyId: string): TrustedKey | null;
  /**
   * A person's keys, so that what the gateway attested at the time of an approval is held against what the person may
   * do now. Empty for people who have no key here.
   */
  keysOf?(actorId: string): readonly TrustedKey[];
}

/** Signs with one private key that never leaves its holder. */
export interface Signer {
  readonly keyId: string;
  /** @returns base64 Ed25519 signature of the bytes. */
  sign(bytes: Uint8Array): Promise<string>;
}

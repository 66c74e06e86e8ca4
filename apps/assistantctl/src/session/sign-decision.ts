import { createPrivateKey, createPublicKey, randomBytes, sign } from 'node:crypto';
import { keyIdOf, signBody, type SignedStatement, type Signer } from '@carapulse/approval';
import { toTimestamp } from '@carapulse/kernel';
import type { Plan } from '@carapulse/plan';
import type { Identity } from './installation.ts';

const DEFAULT_TTL_MS = 15 * 60_000;

/** @param privateKeyPem PKCS #8 PEM of an Ed25519 private key. */
export function localSigner(privateKeyPem: string): Signer {
  const key = createPrivateKey(privateKeyPem);
  return {
    keyId: keyIdOf(createPublicKey(key)),
    sign: async (bytes) => sign(null, bytes, key).toString('base64'),
  };
}

/**
 * A person's decision in their own signature, bound to the plan and hash that they saw. It stands until the plan
 * expires, policy's `approval_ttl` or 15 minutes, whichever is first.
 */
export async function signDecision(
  plan: Plan,
  identity: Identity,
  said: { readonly verdict: 'approve' | 'deny'; readonly comment: string; readonly nowMs: number },
): Promise<SignedStatement> {
  let ttlMs = DEFAULT_TTL_MS;
  for (const constraint of plan.policy.constraints)
    if (constraint.kind === 'approval_ttl') ttlMs = Math.min(ttlMs, constraint.max_ms);
  return signBody(
    {
      type: 'carapulse.approval.v1' as const,
      verdict: said.verdict,
      plan_id: plan.plan_id,
      plan_hash: plan.plan_hash,
      requested_by: plan.created_by,
      approver: `user:${identity.name}`,
      assurance: 'local' as const,
      break_glass: null,
      comment: said.comment,
      issued_at: toTimestamp(said.nowMs),
      expires_at: toTimestamp(Math.min(said.nowMs + ttlMs, Date.parse(plan.expires_at))),
      nonce: randomBytes(16).toString('hex'),
    },
    localSigner(identity.private_key),
  );
}

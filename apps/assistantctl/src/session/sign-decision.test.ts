import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { ApprovalStatement, keyIdOf, signatureIsValid, type TrustedKey } from '@carapulse/approval';
import type { Plan } from '@carapulse/plan';
import { describe, expect, it } from 'vitest';
import { signDecision } from './sign-decision.ts';

const pair = generateKeyPairSync('ed25519');
const pem = pair.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
const identity = { name: 'alice', kind: 'human' as const, private_key: pem };
const nowMs = Date.parse('2026-01-01T00:00:00.000Z');
const key: TrustedKey = {
  key_id: keyIdOf(createPublicKey(pair.privateKey)),
  public_key: pair.publicKey.export({ format: 'pem', type: 'spki' }).toString(),
  purpose: 'person',
  actor: null,
  revoked_at: null,
};

/** What signing reads of a plan. */
function plan(ttlMs: number | null, expiresAt = '2026-01-01T01:00:00.000Z'): Plan {
  return {
    plan_id: `pl_${'0'.repeat(26)}`,
    plan_hash: `sha256:${'a'.repeat(64)}`,
    created_by: 'service:planner',
    expires_at: expiresAt,
    policy: { constraints: ttlMs === null ? [] : [{ kind: 'approval_ttl', max_ms: ttlMs }] },
  } as unknown as Plan;
}
const said = { verdict: 'approve' as const, comment: 'seen', nowMs };

describe("a person's decision", () => {
  it('is a statement bound to plan and hash, signed by their own key', async () => {
    const { body, signed } = await signDecision(plan(null), identity, said);
    expect(ApprovalStatement.parse(body)).toMatchObject({
      approver: 'user:alice',
      plan_hash: `sha256:${'a'.repeat(64)}`,
      requested_by: 'service:planner',
      assurance: 'local',
    });
    expect(signed.key_id).toBe(key.key_id);
    expect(signatureIsValid(body, signed, key)).toBe(true);
    expect(signatureIsValid({ ...body, verdict: 'deny' } as typeof body, signed, key)).toBe(false);
  });

  it('stands no longer than policy, the plan and a quarter of an hour allow', async () => {
    const expiry = async (of: Plan) => (await signDecision(of, identity, said)).body.expires_at;
    expect(await expiry(plan(60_000))).toBe('2026-01-01T00:01:00.000Z');
    expect(await expiry(plan(3_600_000))).toBe('2026-01-01T00:15:00.000Z');
    expect(await expiry(plan(null, '2026-01-01T00:00:30.000Z'))).toBe('2026-01-01T00:00:30.000Z');
  });

  it('is never the same twice', async () => {
    const [one, two] = [
      await signDecision(plan(null), identity, said),
      await signDecision(plan(null), identity, said),
    ];
    expect(one.body.nonce).not.toBe(two.body.nonce);
  });
});

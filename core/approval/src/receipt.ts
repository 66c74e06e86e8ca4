import { idSchema } from '@carapulse/kernel';
import { ExecutionStatus, Plan, planHash, StepStatus } from '@carapulse/plan';
import { z } from 'zod';
import { countApprovals, trustAsAttested } from './count-approvals.ts';
import { signatureIsValid } from './signing.ts';
import { Signature, SignedStatement, type TrustStore } from './statement.ts';

const instant = z.iso.datetime().nullable();

/** One run on one page: verifies offline with the public keys alone. */
export const ReceiptBody = z.strictObject({
  type: z.literal('carapulse.receipt.v1'),
  plan: Plan,
  approvals: z.array(SignedStatement),
  execution: z.strictObject({
    execution_id: idSchema('execution'),
    status: ExecutionStatus,
    reason: z.string(),
    started_at: instant,
    first_write_at: instant,
    ended_at: instant,
    epoch: z.int().nonnegative(),
  }),
  steps: z.array(
    z.strictObject({
      step_id: z.string(),
      status: StepStatus,
      attempts: z.int(),
      evidence_id: z.string().nullable(),
    }),
  ),
  checks: z.array(
    z.strictObject({
      check_id: z.string(),
      step_id: z.string().nullable(),
      phase: z.enum(['before', 'precondition', 'after', 'verify_rollback']),
      verdict: z.enum(['passed', 'failed', 'inconclusive']),
      at: z.iso.datetime(),
      evidence_id: z.string().nullable(),
    }),
  ),
  evidence: z.array(z.strictObject({ evidence_id: z.string(), object_key: z.string(), sha256: z.string() })),
  issued_at: z.iso.datetime(),
});
export type ReceiptBody = z.infer<typeof ReceiptBody>;

export const Receipt = z.strictObject({ body: ReceiptBody, signed: Signature });
export type Receipt = z.infer<typeof Receipt>;

export interface ReceiptReport {
  readonly valid: boolean;
  /** What was looked at, in order, each with what was found. */
  readonly findings: ReadonlyArray<{ readonly what: string; readonly ok: boolean; readonly detail: string }>;
}

/**
 * Verifies a receipt without database, gateway or network: the orchestrator's signature, the plan's hash, and that the
 * approvals satisfied policy's quorum when the first write began. Evidence bytes are compared by the caller, which has
 * them, with the digests in the receipt.
 */
export function verifyReceipt(receipt: Receipt, trust: TrustStore): ReceiptReport {
  const { body, signed } = receipt;
  const key = trust.key(signed.key_id);
  const signature = key !== null && key.purpose === 'orchestrator' && signatureIsValid(body, signed, key);
  const hash = planHash(body.plan);
  const wrote = body.execution.first_write_at;
  const judgedAtMs = Date.parse(wrote ?? body.issued_at);
  const count = countApprovals(body.plan, body.approvals, trustAsAttested(trust), {
    validAtMs: judgedAtMs,
    revokedByMs: judgedAtMs,
  });
  const findings = [
    {
      what: 'orchestrator signature',
      ok: signature,
      detail: key === null ? `key ${signed.key_id} is not trusted` : signed.key_id,
    },
    { what: 'plan hash', ok: hash === body.plan.plan_hash, detail: hash },
    {
      what: 'approvals at first write',
      ok: wrote === null || count.satisfied,
      detail:
        wrote === null
          ? 'nothing was written'
          : `${count.have} of ${count.needed} (${count.approvers.join(', ') || 'none'})`,
    },
    {
      what: 'steps belong to the plan',
      ok: body.steps.every((step) => body.plan.steps.some((each) => each.step_id === step.step_id)),
      detail: `${body.steps.length} of ${body.plan.steps.length} steps ran`,
    },
  ];
  return { valid: findings.every((finding) => finding.ok), findings };
}

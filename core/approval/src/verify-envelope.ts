import { planHash } from '@carapulse/plan';
import type { Plan, RepeatClass, Rollback, Step, ToolCall } from '@carapulse/plan';
import type { Effect } from '@carapulse/policy';
import { CLOCK_SKEW_MS, countApprovals, EVER, trustAsAttested } from './count-approvals.ts';
import type { ApprovalCount, ApprovalInstants } from './count-approvals.ts';
import { refusal } from './refusal.ts';
import { signatureIsValid } from './signing.ts';
import { Envelope } from './statement.ts';
import type { EnvelopeBody, TrustStore } from './statement.ts';

/** What a verified envelope allows: one call, exactly. */
export interface Grant {
  readonly body: EnvelopeBody;
  readonly plan: Plan;
  readonly step: Step;
  /** The step's call, or its hashed rollback's. */
  readonly call: ToolCall;
  readonly repeat: RepeatClass;
  readonly effects: readonly Effect[];
  readonly timeoutMs: number;
  readonly approvals: ApprovalCount;
  /** The instants by which approvals were judged; to judge them again under a newer decision. */
  readonly instants: ApprovalInstants;
}

/**
 * Verifies, by the trust store alone, that this step may run now: the plan hashes to what was
 * approved, the orchestrator and each approver signed, nobody denied, nothing that gates has expired. Expiry gates
 * the first write; later ones the plan's longest run; a rollback neither, nor a revocation after the first write.
 * @throws AppError `approval_invalid`, `approval_required`, `plan_expired` or `policy_denied` with the refusal's
 * name in `details.reason`.
 */
export function verifyEnvelope(
  candidate: unknown,
  options: { readonly trust: TrustStore; readonly nowMs: number },
): Grant {
  const { trust, nowMs } = options;
  if (candidate === null || candidate === undefined) {
    throw refusal(
      'envelope_missing',
      'A write needs the signed envelope of an approved plan; make a plan first.',
    );
  }
  const parsed = Envelope.safeParse(candidate);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw refusal(
      'envelope_malformed',
      `The envelope is not well formed at ${issue?.path.join('/') ?? 'its root'}: ${issue?.message ?? 'unknown fault'}`,
    );
  }
  const { body, signed } = parsed.data;
  assertOrchestrator(body, signed, trust, nowMs);
  const { plan } = body;
  const hash = planHash(plan);
  if (hash !== plan.plan_hash) {
    throw refusal('plan_hash_differs', `Plan ${plan.plan_id} hashes to ${hash}, not to ${plan.plan_hash}.`);
  }
  const selected = selectCall(body);
  const instants = assertInTime(body, nowMs);
  const judging = body.direction === 'rollback' ? trustAsAttested(trust) : trust;
  const approvals = countApprovals(plan, body.approvals, judging, instants);
  assertApproved(body, approvals);
  return { body, plan, ...selected, approvals, instants };
}

function assertOrchestrator(
  body: EnvelopeBody,
  signed: Envelope['signed'],
  trust: TrustStore,
  nowMs: number,
): void {
  const key = trust.key(signed.key_id);
  if (key === null) throw refusal('orchestrator_key_unknown', `No trusted key is called ${signed.key_id}.`);
  if (key.purpose !== 'orchestrator') {
    throw refusal(
      'orchestrator_key_purpose',
      `Key ${key.key_id} is of a ${key.purpose}; it signs no envelopes.`,
    );
  }
  if (key.revoked_at !== null) {
    throw refusal('orchestrator_key_revoked', `Key ${key.key_id} was revoked at ${key.revoked_at}.`);
  }
  if (!signatureIsValid(body, signed, key)) {
    throw refusal('envelope_signature_invalid', `The envelope's signature is not that of key ${key.key_id}.`);
  }
  if (Date.parse(body.issued_at) > nowMs + CLOCK_SKEW_MS) {
    throw refusal(
      'envelope_not_yet_valid',
      `The envelope was issued at ${body.issued_at}, which is to come.`,
    );
  }
  if (nowMs >= Date.parse(body.expires_at)) {
    throw refusal(
      'envelope_expired',
      `The envelope expired at ${body.expires_at}; a new one must be signed.`,
    );
  }
}

function selectCall(body: EnvelopeBody): Pick<Grant, 'step' | 'call' | 'repeat' | 'effects' | 'timeoutMs'> {
  const step = body.plan.steps.find((candidate) => candidate.step_id === body.step_id);
  if (step === undefined) {
    throw refusal('step_not_in_plan', `Plan ${body.plan.plan_id} has no step ${body.step_id}.`);
  }
  if (step.kind !== 'write') {
    throw refusal('step_is_a_read', `Step ${step.step_id} is a read; an envelope allows writes only.`);
  }
  const source = body.direction === 'forward' ? forwardOf(step) : rollbackOf(step, step.rollback);
  if (source.call.bindings.length > 0) {
    throw refusal(
      'step_has_bindings',
      `Step ${step.step_id} binds its input to an output; writes take literals.`,
    );
  }
  return { step, ...source };
}

function forwardOf(step: Step): Pick<Grant, 'call' | 'repeat' | 'effects' | 'timeoutMs'> {
  return { call: step.call, repeat: step.repeat, effects: step.effects, timeoutMs: step.timeout_ms };
}

function rollbackOf(step: Step, undo: Rollback): Pick<Grant, 'call' | 'repeat' | 'effects' | 'timeoutMs'> {
  if (undo.kind !== 'call') {
    throw refusal('step_has_no_rollback', `Step ${step.step_id} has no rollback to run: ${undo.reason}`);
  }
  return { call: undo.call, repeat: undo.repeat, effects: undo.effects, timeoutMs: undo.timeout_ms };
}

function assertInTime(body: EnvelopeBody, nowMs: number): ApprovalInstants {
  const { plan } = body;
  if (body.first_write_at === null) {
    if (body.direction === 'rollback') {
      throw refusal(
        'rollback_before_write',
        `Nothing of plan ${plan.plan_id} has been written; nothing to undo.`,
      );
    }
    if (nowMs >= Date.parse(plan.expires_at)) {
      throw refusal('plan_expired', `Plan ${plan.plan_id} expired at ${plan.expires_at}; make a new one.`);
    }
    assertMade(plan, nowMs);
    return { validAtMs: nowMs, revokedByMs: EVER };
  }
  const firstMs = Date.parse(body.first_write_at);
  // A clock that was set back after the first write stops what is still to be written, never the undo.
  const toCome = body.direction === 'forward' && firstMs > nowMs + CLOCK_SKEW_MS;
  if (toCome || firstMs >= Date.parse(plan.expires_at)) {
    throw refusal(
      'first_write_impossible',
      `The first write is said to be of ${body.first_write_at}, which is to come or after the plan's expiry.`,
    );
  }
  if (body.direction === 'rollback') return { validAtMs: firstMs, revokedByMs: firstMs };
  if (nowMs - firstMs > plan.max_run_ms) {
    throw refusal(
      'run_time_exceeded',
      `Plan ${plan.plan_id} may write for ${plan.max_run_ms} ms from ${body.first_write_at}; that is over.`,
    );
  }
  return { validAtMs: firstMs, revokedByMs: EVER };
}

/**
 * A clock that was set back would let a plan, and what was approved of it, live on past their time.
 * @throws AppError `approval_invalid` when the plan was made in what is now the future.
 */
export function assertMade(plan: Pick<Plan, 'plan_id' | 'created_at'>, nowMs: number): void {
  if (Date.parse(plan.created_at) <= nowMs + CLOCK_SKEW_MS) return;
  throw refusal(
    'plan_not_yet_made',
    `Plan ${plan.plan_id} was made at ${plan.created_at}, and the clock says ${new Date(nowMs).toISOString()}: ` +
      'it was set back. Mend the clock, or make a new plan.',
  );
}

function assertApproved(body: EnvelopeBody, count: ApprovalCount): void {
  const { plan } = body;
  if (plan.policy.decision === 'deny') {
    throw refusal('plan_denied_by_policy', `Policy denied plan ${plan.plan_id}; no approval helps.`);
  }
  if (count.deniedBy !== null && body.direction === 'forward') {
    throw refusal('plan_denied', `${count.deniedBy} denied plan ${plan.plan_id}.`);
  }
  const enough = count.missing === 0 && count.distinctGroups.have >= count.distinctGroups.needed;
  if (enough) return;
  throw refusal(
    'approvals_missing',
    `Plan ${plan.plan_id} has ${count.have} of ${count.needed} approvals (${count.distinctGroups.have} of ` +
      `${count.distinctGroups.needed} distinct groups)${refusedText(count)}.`,
    { refused: count.refused, needed: count.needed, have: count.have },
  );
}

function refusedText(count: ApprovalCount): string {
  if (count.refused.length === 0) return '';
  return `; not counted: ${count.refused.map((entry) => `${entry.approver} (${entry.reason})`).join(', ')}`;
}

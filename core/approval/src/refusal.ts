import { AppError } from '@carapulse/kernel';
import type { AppErrorCode } from '@carapulse/kernel';

/** Why one statement does not count towards a plan's quorum. */
export const STATEMENT_REFUSALS = [
  'statement_malformed',
  'other_plan',
  'other_hash',
  'requester_differs',
  'key_unknown',
  'key_purpose',
  'key_revoked',
  'signature_invalid',
  'approver_differs',
  'roles_unknown',
  'not_a_person',
  'other_tenant',
  'not_permitted',
  'self_approval',
  'break_glass_not_allowed',
  'assurance_overstated',
  'assurance_too_low',
  'group_not_allowed',
  'ttl_too_long',
  'not_yet_valid',
  'expired',
  'approver_counted_already',
] as const;
export type StatementRefusal = (typeof STATEMENT_REFUSALS)[number];

/** Why an envelope does not allow its step. */
export const ENVELOPE_REFUSALS = [
  'envelope_missing',
  'envelope_malformed',
  'orchestrator_key_unknown',
  'orchestrator_key_purpose',
  'orchestrator_key_revoked',
  'envelope_signature_invalid',
  'envelope_not_yet_valid',
  'envelope_expired',
  'plan_hash_differs',
  'plan_denied_by_policy',
  'plan_denied',
  'plan_expired',
  'plan_not_yet_made',
  'run_time_exceeded',
  'first_write_impossible',
  'step_not_in_plan',
  'step_is_a_read',
  'step_has_bindings',
  'step_has_no_rollback',
  'rollback_before_write',
  'approvals_missing',
] as const;
export type EnvelopeRefusal = (typeof ENVELOPE_REFUSALS)[number];

const CODES: Partial<Record<EnvelopeRefusal, AppErrorCode>> = {
  plan_expired: 'plan_expired',
  run_time_exceeded: 'plan_expired',
  plan_denied_by_policy: 'policy_denied',
  envelope_missing: 'approval_required',
  approvals_missing: 'approval_required',
};

/** The error that carries a refusal's name in `details.reason`. */
export function refusal(
  reason: EnvelopeRefusal,
  message: string,
  details: Readonly<Record<string, unknown>> = {},
): AppError {
  return new AppError(CODES[reason] ?? 'approval_invalid', message, { details: { ...details, reason } });
}

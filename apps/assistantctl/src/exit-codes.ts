import type { AppErrorCode } from '@carapulse/kernel';

/** The exit statuses; scripts may rely on them. */
export const EXIT = {
  ok: 0,
  error: 1,
  /** Wrong use; also "there are changes" where `--detailed-exitcode` asks for it. */
  usage: 2,
  auth: 4,
  policyDenied: 5,
  denied: 6,
  verificationFailed: 7,
  stale: 8,
  timeout: 124,
  cancelled: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const BY_ERROR: Readonly<Record<AppErrorCode, ExitCode>> = {
  invalid_input: EXIT.usage,
  payload_too_large: EXIT.usage,
  unauthenticated: EXIT.auth,
  forbidden: EXIT.auth,
  policy_denied: EXIT.policyDenied,
  approval_required: EXIT.denied,
  approval_invalid: EXIT.denied,
  plan_expired: EXIT.denied,
  verification_failed: EXIT.verificationFailed,
  plan_stale: EXIT.stale,
  precondition_failed: EXIT.stale,
  timeout: EXIT.timeout,
  cancelled: EXIT.cancelled,
  not_found: EXIT.error,
  conflict: EXIT.error,
  idempotency_mismatch: EXIT.error,
  idempotency_in_progress: EXIT.error,
  forbidden_transition: EXIT.error,
  halted: EXIT.error,
  lease_held: EXIT.error,
  fenced: EXIT.error,
  outcome_unknown: EXIT.error,
  sandbox_unavailable: EXIT.error,
  tool_failed: EXIT.error,
  rate_limited: EXIT.error,
  unavailable: EXIT.error,
  not_supported: EXIT.error,
  internal: EXIT.error,
};

export function exitCodeOf(code: AppErrorCode): ExitCode {
  return BY_ERROR[code];
}

/** How a run that has ended, also by a person's word in place of a check, or waits for a person, is told by `exec watch`. */
export function exitCodeOfRun(status: string, afterChecksPassed: boolean): ExitCode {
  if (status === 'succeeded') return EXIT.ok;
  if (status === 'succeeded_with_skips') return EXIT.verificationFailed;
  if (status === 'cancelled') return EXIT.cancelled;
  return status !== 'parked' && status !== 'held' && !afterChecksPassed
    ? EXIT.verificationFailed
    : EXIT.error;
}

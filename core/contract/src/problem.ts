import { APP_ERROR_CODES, type AppErrorCode } from '@carapulse/kernel';
import { z } from 'zod';

/** RFC 9457 problem details with our members. */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.enum(APP_ERROR_CODES),
  request_id: z.string(),
  retryable: z.boolean(),
  errors: z.array(z.object({ pointer: z.string(), detail: z.string() })),
  /** The name of the rule or refusal, where there is one. */
  reason: z.string().optional(),
});
export type Problem = z.infer<typeof Problem>;

/** HTTP status of each failure. */
export const PROBLEM_STATUS: Readonly<Record<AppErrorCode, number>> = {
  invalid_input: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  precondition_failed: 412,
  idempotency_mismatch: 422,
  idempotency_in_progress: 409,
  policy_denied: 403,
  approval_required: 409,
  approval_invalid: 403,
  plan_stale: 409,
  plan_expired: 410,
  forbidden_transition: 409,
  halted: 423,
  lease_held: 409,
  fenced: 409,
  verification_failed: 409,
  outcome_unknown: 409,
  sandbox_unavailable: 503,
  tool_failed: 502,
  rate_limited: 429,
  payload_too_large: 413,
  timeout: 504,
  cancelled: 499,
  unavailable: 503,
  not_supported: 501,
  internal: 500,
};

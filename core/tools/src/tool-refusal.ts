import { AppError } from '@carapulse/kernel';
import type { AppErrorCode } from '@carapulse/kernel';

/** Why the router refuses a call that is well formed. The envelope's own refusals are core/approval's. */
export const TOOL_REFUSALS = [
  'tool_unknown',
  'action_unknown',
  'tool_not_configured',
  'program_missing',
  'request_differs',
  'definition_changed',
  'effects_differ',
  'plan_already_executed',
  'halted',
  'policy_denied',
  'policy_stricter',
  'constraint_violated',
  'call_in_flight',
] as const;
export type ToolRefusal = (typeof TOOL_REFUSALS)[number];

const CODES: Readonly<Record<ToolRefusal, AppErrorCode>> = {
  tool_unknown: 'not_supported',
  action_unknown: 'not_supported',
  tool_not_configured: 'not_supported',
  program_missing: 'not_supported',
  request_differs: 'approval_invalid',
  definition_changed: 'plan_stale',
  effects_differ: 'plan_stale',
  plan_already_executed: 'approval_invalid',
  halted: 'halted',
  policy_denied: 'policy_denied',
  policy_stricter: 'policy_denied',
  constraint_violated: 'policy_denied',
  call_in_flight: 'idempotency_in_progress',
};

/** The error that carries a refusal's name in `details.reason`. */
export function toolRefusal(
  reason: ToolRefusal,
  message: string,
  details: Readonly<Record<string, unknown>> = {},
): AppError {
  return new AppError(CODES[reason], message, {
    details: { ...details, reason },
    retryable: reason === 'call_in_flight',
  });
}

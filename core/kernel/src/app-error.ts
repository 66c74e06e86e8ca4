/**
 * The closed union of failures. Each transport maps it exhaustively (HTTP status, CLI exit code, MCP error).
 * Expected outcomes (a policy's denial as an answer, a stale plan found while listing) are values, not errors.
 */
export const APP_ERROR_CODES = [
  'invalid_input',
  'unauthenticated',
  'forbidden',
  'not_found',
  'conflict',
  'precondition_failed',
  'idempotency_mismatch',
  'idempotency_in_progress',
  'policy_denied',
  'approval_required',
  'approval_invalid',
  'plan_stale',
  'plan_expired',
  'forbidden_transition',
  'halted',
  'lease_held',
  'fenced',
  'verification_failed',
  'outcome_unknown',
  'sandbox_unavailable',
  'tool_failed',
  'rate_limited',
  'payload_too_large',
  'timeout',
  'cancelled',
  'unavailable',
  'not_supported',
  'internal',
] as const;

export type AppErrorCode = (typeof APP_ERROR_CODES)[number];

/** One fault in an input: a JSON pointer into it and what is wrong there. */
export interface InputFault {
  readonly pointer: string;
  readonly detail: string;
}

export interface AppErrorOptions {
  readonly cause?: unknown;
  /** True when the same call may succeed later without a change. Durable steps retry only these. */
  readonly retryable?: boolean;
  readonly retryAfterMs?: number;
  readonly errors?: readonly InputFault[];
  /** Facts for logs and clients; redacted at each exit. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** A failure with a closed code and a message that says what happened, where, and what to do next. */
export class AppError extends Error {
  readonly code: AppErrorCode;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly errors: readonly InputFault[];
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: AppErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.retryAfterMs = options.retryAfterMs;
    this.errors = options.errors ?? [];
    this.details = options.details ?? {};
  }
}

/** Wraps anything thrown as an AppError; one that already is comes back unchanged. */
export function toAppError(error: unknown, fallback: AppErrorCode = 'internal'): AppError {
  if (error instanceof AppError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new AppError(fallback, message, { cause: error });
}

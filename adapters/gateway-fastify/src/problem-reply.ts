import { PROBLEM_STATUS, type Problem } from '@carapulse/contract';
import { AppError, toAppError } from '@carapulse/kernel';

export interface ProblemReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Problem;
}

/**
 * RFC 9457 for any failure. What is not an AppError is our own fault: its text stays in the log, the client gets the
 * request id to ask with.
 */
export function problemReply(
  error: unknown,
  requestId: string,
  redact: (text: string) => string,
): ProblemReply {
  const failure = clientFault(error) ?? toAppError(error);
  const known = failure.code !== 'internal';
  const status = PROBLEM_STATUS[failure.code];
  const { reason } = failure.details;
  return {
    status,
    headers: {
      ...(failure.retryAfterMs !== undefined && {
        'retry-after': String(Math.max(1, Math.ceil(failure.retryAfterMs / 1000))),
      }),
      ...(failure.code === 'unauthenticated' && { 'www-authenticate': 'Bearer realm="carapulse"' }),
    },
    body: {
      type: `urn:carapulse:problem:${failure.code}`,
      title: failure.code.replaceAll('_', ' '),
      status,
      detail: known
        ? redact(failure.message)
        : `Something went wrong here; the log has it under ${requestId}.`,
      code: failure.code,
      request_id: requestId,
      retryable: failure.retryable,
      errors: failure.errors.map(({ pointer, detail }) => ({ pointer, detail: redact(detail) })),
      ...(typeof reason === 'string' && { reason }),
    },
  };
}

/** Fastify's own refusals of a request, before any handler ran. */
function clientFault(error: unknown): AppError | null {
  if (error instanceof AppError || typeof error !== 'object' || error === null) return null;
  const { statusCode, message } = error as { readonly statusCode?: unknown; readonly message?: unknown };
  if (typeof statusCode !== 'number' || statusCode >= 500 || statusCode < 400) return null;
  const code = statusCode === 413 ? 'payload_too_large' : statusCode === 404 ? 'not_found' : 'invalid_input';
  return new AppError(code, typeof message === 'string' ? message : 'The request could not be read.');
}

import { AppError, JsonObject, toAppError } from '@carapulse/kernel';
import { z } from 'zod';
import { Problem, PROBLEM_STATUS } from '../problem.ts';

/** A failure between our services: all that the caller needs to act as if it had happened in its own process. */
export const RpcProblem = Problem.extend({
  details: JsonObject,
  retry_after_ms: z.int().min(0).nullable(),
  /** True where something was thrown that is no AppError: what it left is not known. */
  unexpected: z.boolean(),
});
export type RpcProblem = z.infer<typeof RpcProblem>;

/** The failure as it goes over the wire; `redact` sees every text. Causes stay behind. */
export function toRpcProblem(
  error: unknown,
  requestId: string,
  redact: { readonly text: (text: string) => string; readonly json: (value: JsonObject) => JsonObject },
): RpcProblem {
  const failure = toAppError(error);
  const { reason } = failure.details;
  return {
    type: `urn:carapulse:problem:${failure.code}`,
    title: failure.code.replaceAll('_', ' '),
    status: PROBLEM_STATUS[failure.code],
    detail: redact.text(failure.message),
    code: failure.code,
    request_id: requestId,
    retryable: failure.retryable,
    errors: failure.errors.map(({ pointer, detail }) => ({ pointer, detail: redact.text(detail) })),
    ...(typeof reason === 'string' && { reason }),
    details: redact.json(JSON.parse(JSON.stringify(failure.details)) as JsonObject),
    retry_after_ms: failure.retryAfterMs === undefined ? null : Math.ceil(failure.retryAfterMs),
    unexpected: !(error instanceof AppError),
  };
}

/** What was thrown on the other side. */
export function fromRpcProblem(problem: RpcProblem): Error {
  if (problem.unexpected) return new Error(problem.detail);
  return new AppError(problem.code, problem.detail, {
    retryable: problem.retryable,
    errors: problem.errors,
    details: problem.details,
    ...(problem.retry_after_ms !== null && { retryAfterMs: problem.retry_after_ms }),
  });
}

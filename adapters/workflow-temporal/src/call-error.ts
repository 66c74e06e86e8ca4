import { AppError } from '@carapulse/kernel';
import { isGrpcServiceError } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';

const GRPC_INVALID_ARGUMENT = 3;
const GRPC_DEADLINE_EXCEEDED = 4;
const NO_ANSWER =
  'Temporal did not answer in time. It may have been done all the same; the same call is safe.';
const GRPC_PERMISSION_DENIED = 7;
const GRPC_UNAUTHENTICATED = 16;

class NoAnswer extends Error {}

/** What a call that nobody waits for any longer has failed by. */
export function late(): Error {
  return new NoAnswer(NO_ANSWER);
}

/** The client's own deadline doesn't end its retries; this ends the wait for them. */
export async function within<Answer>(ms: number, call: () => Promise<Answer>): Promise<Answer> {
  const over = Promise.withResolvers<never>();
  const timer = setTimeout(() => over.reject(late()), ms);
  try {
    return await Promise.race([call(), over.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** What a call to Temporal failed by, as ours: `what` says what wasn't done. */
export function callError(what: string, error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof WorkflowNotFoundError)
    return new AppError('not_found', `${what}: there is no such run.`);
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const message = `${what}: ${cause instanceof Error ? cause.message : String(cause)}`;
  const code: unknown = isGrpcServiceError(error)
    ? error.code
    : isGrpcServiceError(cause)
      ? cause.code
      : null;
  if (code === GRPC_INVALID_ARGUMENT) return new AppError('invalid_input', message, { cause: error });
  if (code === GRPC_PERMISSION_DENIED || code === GRPC_UNAUTHENTICATED)
    return new AppError('forbidden', message, { cause: error });
  if (code === GRPC_DEADLINE_EXCEEDED || error instanceof NoAnswer)
    return new AppError('unavailable', `${what}: ${NO_ANSWER}`, { cause: error, retryable: true });
  return new AppError('unavailable', message, { cause: error, retryable: true });
}

import { AppError } from '@carapulse/kernel';
import { STORE_AWAY } from '@carapulse/operations';

const CONNECTION = /^(08|57P|53|ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ENOENT)/;
/** What the driver says without a code when a connection has gone, or none could be had. */
const GONE =
  /^(Connection terminated|Client (has encountered a connection error|was closed)|timeout (exceeded|expired))/;

/**
 * What went wrong, in our terms: a broken uniqueness or a lost race is `conflict`, a broken rule of the data
 * `precondition_failed`, a database that cannot be reached `unavailable`, the rest `internal`.
 */
export function toStoreError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const { code, constraint, message, detail } = error as {
    code?: string;
    constraint?: string;
    message?: string;
    detail?: string;
  };
  const text = message ?? String(error);
  const details = { sqlstate: code ?? null, constraint: constraint ?? null };
  switch (code) {
    case '23505':
      return new AppError('conflict', `It exists already (${constraint ?? 'unique'}): ${detail ?? text}`, {
        cause: error,
        details,
        retryable: constraint === 'incidents_one_open_a_group',
      });
    case '40001':
    case '40P01':
    case '55P03':
      return new AppError('conflict', `Another change came in between: ${text}. Try again.`, {
        cause: error,
        details,
        retryable: true,
      });
    case '23503':
      return new AppError(
        'not_found',
        `It names something that does not exist (${constraint ?? ''}): ${detail ?? text}`,
        {
          cause: error,
          details,
        },
      );
    case '23001':
    case '23514':
      return new AppError('precondition_failed', `The database refused it: ${text}`, {
        cause: error,
        details,
      });
    default:
      if (code === undefined ? GONE.test(text) : CONNECTION.test(code)) {
        return new AppError('unavailable', `The database cannot be used now: ${text}`, {
          cause: error,
          details: { ...details, reason: STORE_AWAY },
          retryable: true,
        });
      }
      return new AppError('internal', `The database failed: ${text}`, { cause: error, details });
  }
}

/** For an update that named a revision and changed no row. */
export function staleRevision(
  what: string,
  id: string,
  expected: number,
  found: number | undefined,
): AppError {
  if (found === undefined) return new AppError('not_found', `There is no ${what} ${id}.`);
  return new AppError(
    'conflict',
    `The ${what} ${id} has changed: revision ${expected} was expected, it is ${found}. Read it again.`,
    { retryable: true, details: { expected, found } },
  );
}

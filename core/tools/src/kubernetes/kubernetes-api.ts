import { AppError } from '@carapulse/kernel';
import type { ObjectRef } from './kubernetes-kinds.ts';

/** Who owns the fields that we write (`metadata.managedFields`). */
export const FIELD_MANAGER = 'carapulse';

export type Query = ReadonlyArray<readonly [name: string, value: string]>;

export interface PatchOptions {
  readonly type: 'merge' | 'strategic';
  /** True: the server answers with what would be, and nothing is written. */
  readonly dryRun?: boolean;
}

/**
 * The API of one cluster with one credential. Each way to speak to it gives the same answers and the same errors.
 * @throws AppError `tool_failed` with `details.status` and `details.api_reason` as the API server said them;
 * `effect: 'none'` for what it refused.
 */
export interface KubernetesApi {
  /** JSON of a path below the server's URL, e.g. `/api/v1/nodes`. */
  get(path: string, query?: Query): Promise<unknown>;
  /** Text of a path (logs). */
  text(path: string, query?: Query): Promise<string>;
  create(path: string, body: object): Promise<unknown>;
  /** Patches one object under our field manager; a `metadata.resourceVersion` in the body is a precondition. */
  patch(object: ObjectRef, body: object, options: PatchOptions): Promise<unknown>;
  /** Server-side apply under our field manager, never by force. */
  apply(object: ObjectRef, body: object, options: { readonly dryRun: boolean }): Promise<unknown>;
}

const STATUS_OF_REASON: Readonly<Record<string, number>> = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  ServerTimeout: 504,
  Timeout: 504,
};

/** The status that goes with a reason of the API server; 0 when the reason is not known. */
export function statusOfReason(reason: string): number {
  return STATUS_OF_REASON[reason] ?? 0;
}

/** What the API server refused or failed at. */
export function apiFailure(
  cluster: string,
  failure: { readonly status: number; readonly reason: string; readonly message: string },
): AppError {
  const { status, reason, message } = failure;
  const retryable = status === 429 || status === 408 || status >= 500;
  return new AppError(
    'tool_failed',
    `Cluster ${cluster} answered ${reason || status}: ${message.trim().slice(0, 500)}`,
    {
      retryable,
      details: {
        class: classOf(status),
        status,
        api_reason: reason,
        // After a failure of the server a write may have happened.
        ...(status >= 400 && status < 500 && status !== 408 ? { effect: 'none' } : {}),
      },
    },
  );
}

function classOf(status: number): 'conflict' | 'throttled' | 'transient' | 'permanent' {
  if (status === 409) return 'conflict';
  if (status === 429) return 'throttled';
  return status === 408 || status >= 500 ? 'transient' : 'permanent';
}

/** The status the API server refused with, or null when it is another error. */
export function refusedWith(error: unknown): number | null {
  if (!(error instanceof AppError)) return null;
  const { status } = error.details;
  return typeof status === 'number' ? status : null;
}

/** What a read gives, or null where there is no such object. */
export async function orNull<T>(read: Promise<T>): Promise<T | null> {
  try {
    return await read;
  } catch (error) {
    if (refusedWith(error) === 404) return null;
    throw error;
  }
}

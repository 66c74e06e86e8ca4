import type { Permission } from '@carapulse/governance';
import type { z } from 'zod';

/** One endpoint as data: OpenAPI, the server's routes and the typed client are made from it. */
export interface Route {
  /** Unique; the operationId in OpenAPI and the method of the client. */
  readonly id: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** OpenAPI path template, e.g. `/v1/plans/{plan_id}`. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly permission: Permission;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** Status and schema of success. `null` for no body. */
  readonly success: { readonly status: 200 | 201 | 202 | 204; readonly schema: z.ZodType | null };
  /** What is sent instead of JSON. */
  readonly media?: 'text/event-stream' | 'text/plain';
  /** Writes take an `Idempotency-Key` header. */
  readonly idempotency: boolean;
  /** Answers carry an `ETag`, requests may carry `If-None-Match` (GET) or `If-Match` (writes). */
  readonly etag: boolean;
}

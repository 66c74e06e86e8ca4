import { z } from 'zod';

/** One remote procedure as data: `POST /v1/rpc/<name>` with a JSON body. */
export interface Procedure<Input = unknown, Output = unknown> {
  readonly name: string;
  /** `unary` answers with one JSON value; `stream` with one frame a line (`application/x-ndjson`). */
  readonly kind: 'unary' | 'stream';
  /** Strict. */
  readonly input: z.ZodType<Input>;
  /** The answer, or a frame of it. Tolerant of members that a newer service adds. */
  readonly output: z.ZodType<Output>;
}

/** Names one call; chosen by its caller, unlike any other. By it the call is cancelled and followed. */
export const CallId = z.string().regex(/^[A-Za-z0-9_-]{16,64}$/);

/** Where a procedure is. */
export function procedurePath(name: string): string {
  return `/v1/rpc/${name}`;
}

export function procedure<Input, Output>(
  name: string,
  kind: Procedure['kind'],
  input: z.ZodType<Input>,
  output: z.ZodType<Output>,
): Procedure<Input, Output> {
  return { name, kind, input, output };
}

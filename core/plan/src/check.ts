import { JsonObject, JsonValue } from '@carapulse/kernel';
import { z } from 'zod';

const ORDERS: ReadonlySet<string> = new Set(['lt', 'lte', 'gt', 'gte']);

/**
 * A bound that comes from an earlier step's output: `factor` times the number there, plus `plus`. Nothing is divided, so
 * that a zero of before has a bound too.
 */
export const RelativeBound = z.strictObject({
  from_step: z.string().min(1),
  from_pointer: z.string().max(500),
  factor: z.number().min(0).max(1000),
  plus: z.number().min(-1e12).max(1e12),
});
export type RelativeBound = z.infer<typeof RelativeBound>;

/** One comparison of a value in a tool's typed output. A missing value makes the sample inconclusive. */
export const Expectation = z
  .strictObject({
    /** RFC 6901 pointer into the output. */
    pointer: z.string().max(500),
    op: z.enum(['eq', 'ne', 'lt', 'lte', 'gt', 'gte', 'contains', 'exists']),
    /** Null beside `relative`. */
    value: JsonValue,
    relative: RelativeBound.optional(),
  })
  .refine(({ op, value, relative }) => relative === undefined || (value === null && ORDERS.has(op)), {
    error: 'a relative bound stands in place of a value, for lt, lte, gt or gte',
  });
export type Expectation = z.infer<typeof Expectation>;

/** A bounded, typed use of an earlier step's output. Only reads and checks may have one; writes take literals. */
export const Binding = z.strictObject({
  /** Where in this call's input the value goes. */
  pointer: z.string().min(1).max(500),
  from_step: z.string().min(1),
  from_pointer: z.string().max(500),
  bounds: z.discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('string'),
      max_length: z.int().positive(),
      charset: z.enum(['hex', 'name', 'text']),
    }),
    z.strictObject({ type: z.literal('integer'), min: z.int(), max: z.int() }),
    z.strictObject({ type: z.literal('boolean') }),
  ]),
});
export type Binding = z.infer<typeof Binding>;

/** One call of a tool action, as resolved before hashing. */
export const ToolCall = z.strictObject({
  tool: z.string().min(1),
  action: z.string().min(1),
  input: JsonObject,
  bindings: z.array(Binding),
  /** Digest of the action's definition and connector settings: what would run, not where it lies. */
  definition_digest: z.string().min(1),
});
export type ToolCall = z.infer<typeof ToolCall>;

/**
 * A question to the world with three answers. It passes when `samples.required` consecutive
 * samples, each newer than the write, meet every expectation; fails when time runs out on a conclusive sample that does not; else is
 * inconclusive.
 */
export const Check = z.strictObject({
  check_id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/),
  title: z.string().min(1).max(200),
  call: ToolCall,
  expect: z.array(Expectation).min(1),
  samples: z.strictObject({
    required: z.int().min(1).max(100),
    interval_ms: z.int().min(10).max(600_000),
    within_ms: z.int().min(10).max(86_400_000),
  }),
  /** A repair's check must have been seen failing before the first write, else the plan is held. */
  must_fail_before: z.boolean(),
});
export type Check = z.infer<typeof Check>;

export type CheckVerdict = 'passed' | 'failed' | 'inconclusive';

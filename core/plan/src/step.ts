import { Effect } from '@carapulse/policy';
import { z } from 'zod';
import { Check, ToolCall } from './check.ts';

/**
 * How a write may be repeated after a crash: `convergent` and `keyed` run again, `observable`
 * is read back first, `unsafe` parks as outcome_unknown.
 */
export const RepeatClass = z.enum(['convergent', 'keyed', 'observable', 'unsafe']);
export type RepeatClass = z.infer<typeof RepeatClass>;

export const ErrorClass = z.enum(['transient', 'throttled', 'conflict', 'permanent']);
export type ErrorClass = z.infer<typeof ErrorClass>;

export const RetryRule = z.strictObject({
  max_attempts: z.int().min(1).max(20),
  backoff_ms: z.int().min(0).max(600_000),
  factor: z.number().min(1).max(10),
  max_backoff_ms: z.int().min(0).max(3_600_000),
  /** Classes that are tried again; anything else fails the step at once. */
  on: z.array(ErrorClass),
});
export type RetryRule = z.infer<typeof RetryRule>;

/** The undo of a step, hashed with it. */
export const Rollback = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('call'),
    call: ToolCall,
    repeat: RepeatClass,
    effects: z.array(Effect),
    verify: z.array(Check),
    timeout_ms: z.int().min(1).max(86_400_000),
  }),
  /** Nothing to undo: the step changes nothing that lasts. */
  z.strictObject({ kind: z.literal('none'), reason: z.string().min(1).max(500) }),
  /** There is something to undo and no way to. */
  z.strictObject({ kind: z.literal('impossible'), reason: z.string().min(1).max(500) }),
]);
export type Rollback = z.infer<typeof Rollback>;

/** What a person sees of a write before it happens. */
export const Preview = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('diff'), text: z.string().max(200_000), truncated: z.boolean() }),
  z.strictObject({ kind: z.literal('none'), reason: z.string().min(1).max(500) }),
]);
export type Preview = z.infer<typeof Preview>;

export const Step = z.strictObject({
  step_id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/),
  title: z.string().min(1).max(200),
  kind: z.enum(['read', 'write']),
  call: ToolCall,
  repeat: RepeatClass,
  effects: z.array(Effect),
  depends_on: z.array(z.string()),
  preconditions: z.array(Check),
  verify: z.array(Check),
  rollback: Rollback,
  timeout_ms: z.int().min(1).max(86_400_000),
  retry: RetryRule,
  preview: Preview,
  /** The equivalent a person could paste if Carapulse were down; for reading only, never executed. */
  commands: z.array(z.string().max(4000)),
});
export type Step = z.infer<typeof Step>;

import { JsonObject, JsonValue } from '@carapulse/kernel';
import { ErrorClass, Expectation, RelativeBound } from '@carapulse/plan';
import { z } from 'zod';
import { DurationMs } from './duration.ts';

const name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'lower-case letters, digits and dashes');
export const identifier = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,62}$/, 'lower-case letters, digits and underscores');
const labelName = z.string().min(1).max(200);
export const sentence = z.string().min(1).max(500);

/**
 * A whole value taken from elsewhere: `parameters.<name>`, `reads.<id>` with a JSON pointer, or `plan.created_at`.
 * Never part of a text.
 */
export const Reference = z.strictObject({
  $ref: z
    .string()
    .regex(
      /^(plan\.created_at|parameters\.[a-z][a-z0-9_]{0,62}|reads\.[a-z][a-z0-9_]{0,62}(\/.*)?)$/,
      'parameters.<name>, reads.<id>/<pointer> or plan.created_at',
    ),
});
export type Reference = z.infer<typeof Reference>;

/** What one alert's labels must be; all of a list hold for one and the same firing alert. */
export const LabelMatcher = z.discriminatedUnion('op', [
  z.strictObject({ label: labelName, op: z.literal('eq'), value: z.string() }),
  z.strictObject({ label: labelName, op: z.literal('ne'), value: z.string() }),
  z.strictObject({ label: labelName, op: z.literal('in'), values: z.array(z.string()).min(1) }),
  z.strictObject({ label: labelName, op: z.literal('exists') }),
]);
export type LabelMatcher = z.infer<typeof LabelMatcher>;

const source = z.union([
  z.strictObject({ alert_label: labelName }),
  z.strictObject({ finding: identifier }),
  z.strictObject({ profile: z.string().regex(/^(\/[^/]+)+$/, 'a JSON pointer into the service profile') }),
  z.strictObject({ incident: z.enum(['service', 'severity', 'environment', 'namespace', 'cluster_id']) }),
  z.strictObject({ literal: z.union([z.string(), z.number(), z.boolean()]) }),
]);

/** What characters a string parameter may hold; each is safe as one argument, and none begins with a dash. */
export const Charset = z.enum(['hex', 'name', 'path', 'url']);

export const Parameter = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('string'),
    from: source,
    charset: Charset,
    max_length: z.int().min(1).max(2000).default(253),
  }),
  z.strictObject({ type: z.literal('integer'), from: source, min: z.int(), max: z.int() }),
  z.strictObject({ type: z.literal('boolean'), from: source }),
  z.strictObject({ type: z.literal('enum'), from: source, values: z.array(z.string().min(1)).min(1) }),
]);
export type Parameter = z.infer<typeof Parameter>;

/** Must hold, or no plan is made; `otherwise` says why in a sentence. `value` may be a reference. */
export const Condition = z.strictObject({
  of: Reference,
  op: Expectation.shape.op,
  value: JsonValue.optional(),
  otherwise: sentence,
  /** A text that was read and tells it more exactly; shown after the sentence, made harmless. */
  detail: Reference.optional(),
});
export type Condition = z.infer<typeof Condition>;

export const PlaybookCall = z.strictObject({
  tool: identifier,
  action: identifier,
  /** JSON in which a `{$ref: …}` stands for a whole value. */
  input: JsonObject,
});
export type PlaybookCall = z.infer<typeof PlaybookCall>;

export const PlaybookCheck = z.strictObject({
  id: name,
  title: sentence.max(200),
  call: PlaybookCall,
  expect: z
    .array(
      z.strictObject({
        pointer: z.string().max(500),
        op: Expectation.shape.op,
        value: JsonValue.optional(),
        /** In place of a value: a bound by what an earlier step gave back. */
        relative: RelativeBound.optional(),
      }),
    )
    .min(1),
  samples: z
    .strictObject({
      required: z.int().min(1).max(100),
      interval: DurationMs,
      /** Milliseconds where an integer parameter says it. */
      within: z.union([DurationMs, Reference], {
        error: 'a duration such as 30s or 10m, or a $ref to an integer parameter in milliseconds',
      }),
    })
    .prefault({ required: 1, interval: '1s', within: '30s' }),
  must_fail_before: z.boolean().default(false),
});
export type PlaybookCheck = z.infer<typeof PlaybookCheck>;

export const PlaybookRollback = z.union([
  z.strictObject({
    call: PlaybookCall,
    verify: z.array(PlaybookCheck).min(1),
    timeout: DurationMs.prefault('2m'),
  }),
  z.strictObject({ none: sentence }),
  z.strictObject({ impossible: sentence }),
]);

export const PlaybookStep = z.strictObject({
  id: name,
  title: sentence.max(200),
  call: PlaybookCall,
  depends_on: z.array(name).default([]),
  preconditions: z.array(PlaybookCheck).default([]),
  verify: z.array(PlaybookCheck).default([]),
  /** Obligatory for writes. */
  rollback: PlaybookRollback.optional(),
  /** The diff to show, from a read; without it a write says that it has no preview. */
  preview: z.strictObject({ diff: Reference, truncated: Reference.optional() }).optional(),
  timeout: DurationMs.prefault('2m'),
  retry: z
    .strictObject({ attempts: z.int().min(1).max(20), backoff: DurationMs, on: z.array(ErrorClass) })
    .prefault({ attempts: 3, backoff: '500ms', on: ['transient', 'throttled'] }),
});
export type PlaybookStep = z.infer<typeof PlaybookStep>;

export const PlaybookRead = z.strictObject({ id: identifier, call: PlaybookCall });

/** A named workflow in place of steps; its input is JSON in which a `{$ref: …}` stands for a whole value. */
export const PlaybookWorkflow = z.strictObject({ name, input: JsonObject.default({}) });
export type PlaybookWorkflow = z.infer<typeof PlaybookWorkflow>;

export const Playbook = z.strictObject({
  format: z.literal(1),
  name,
  description: sentence,
  /** The plan's intent for people. `{parameter}` shows a parameter; it never reaches a call. */
  summary: sentence,
  match: z
    .strictObject({
      alerts: z.array(LabelMatcher).default([]),
      cause: z.string().min(1).max(100).optional(),
      /** At least so sure; only with `cause`. */
      confidence: z.enum(['certain', 'likely', 'possible']).default('likely'),
    })
    .refine((match) => match.alerts.length > 0 || match.cause !== undefined, {
      error: 'name alerts, a cause, or both; a playbook that matches everything is refused',
    }),
  parameters: z.record(identifier, Parameter).default({}),
  conditions: z.array(Condition).default([]),
  /** Calls of read actions made while planning, in this order; their outputs become literals of the plan. */
  reads: z.array(PlaybookRead).max(20).default([]),
  steps: z.array(PlaybookStep).max(200).default([]),
  checks: z.array(PlaybookCheck).max(50).default([]),
  expires_in: DurationMs.optional(),
  max_run: DurationMs.optional(),
  /** Either steps or this. */
  workflow: PlaybookWorkflow.optional(),
});
export type Playbook = z.infer<typeof Playbook>;

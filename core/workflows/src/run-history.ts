import { APP_ERROR_CODES, AppError, JsonObject, parseInput } from '@carapulse/kernel';
import { ErrorClass } from '@carapulse/plan';
import { z } from 'zod';
import type { RunEvent } from './durable-engine.ts';
import { RunSnapshot } from './run-snapshot.ts';

const instant = z.int().min(0);
const key = z.string().min(1).max(1000);
/** A child's holds its parent's. */
const runId = z.string().min(1).max(1000);

const Outcome = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('ok'), output: JsonObject }),
  z.strictObject({
    kind: z.literal('failed'),
    code: z.enum(APP_ERROR_CODES),
    message: z.string(),
    errorClass: z.union([ErrorClass, z.literal('unknown')]),
    retryAfterMs: z.number().min(0).nullable(),
  }),
]);

const ChildEnd = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('ended'), result: JsonObject }),
  z.strictObject({ kind: z.literal('stuck'), reason: z.string() }),
]);

const HeardEvent: z.ZodType<RunEvent> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('activity'), key, outcome: Outcome, atMs: instant }),
  z.strictObject({ kind: z.literal('timer'), key, atMs: instant }),
  z.strictObject({ kind: z.literal('signal'), name: z.string().min(1), payload: JsonObject, atMs: instant }),
  z.strictObject({ kind: z.literal('child'), key, outcome: ChildEnd, atMs: instant }),
]);

/**
 * What a run of the embedded engine was given, heard and answered. `result` is null while it goes on. Of a long run the
 * beginning is not kept: `snapshot` is what it was after its event `seq`, and `events` are those since.
 */
export const EmbeddedHistory = z.strictObject({
  format: z.literal(1),
  engine: z.literal('embedded'),
  run_id: runId,
  machine: z.string().min(1),
  version: z.int().min(1),
  /** With which changes it was started; absent when there were none. */
  patches: z.array(z.string().min(1)).optional(),
  input: JsonObject,
  started_at_ms: instant,
  snapshot: RunSnapshot.extend({ seq: z.int().min(1) }).optional(),
  events: z.array(HeardEvent),
  result: JsonObject.nullable(),
});
export type EmbeddedHistory = z.infer<typeof EmbeddedHistory>;

/** Temporal's own history in its JSON; what the run was given, heard and answered stays sealed in it. */
export const TemporalHistory = z.strictObject({
  format: z.literal(1),
  engine: z.literal('temporal'),
  run_id: runId,
  history: z.strictObject({ events: z.array(JsonObject).min(1) }),
});
export type TemporalHistory = z.infer<typeof TemporalHistory>;

/** The recorded history of one run, as a file keeps it. */
export const RunHistory = z.discriminatedUnion('engine', [EmbeddedHistory, TemporalHistory]);
export type RunHistory = z.infer<typeof RunHistory>;

/**
 * Reads the text of a file. `what` names it.
 * @throws AppError `invalid_input` with the place of the fault.
 */
export function parseRunHistory(text: string, what: string): RunHistory {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new AppError('invalid_input', `${what} is not JSON: ${(error as Error).message}`, { cause: error });
  }
  return parseInput(RunHistory, value, what);
}

import { JsonObject } from '@carapulse/kernel';
import { z } from 'zod';

const key = z.string();
const Activity = z.strictObject({
  kind: z.literal('activity'),
  key,
  name: z.string(),
  input: JsonObject,
  timeoutMs: z.number(),
});
const Timer = z.strictObject({ kind: z.literal('timer'), key, dueAtMs: z.number() });
const Child = z.strictObject({ kind: z.literal('child'), key, machine: z.string(), input: JsonObject });

/**
 * All that an engine needs to go on with a run without what was heard before: the machine's state between two events,
 * and what is unanswered. One shape on every engine; it is stored, so a field that is added is optional.
 */
export const RunSnapshot = z.strictObject({
  /** As JSON; the machine's version says what it means. */
  state: z.unknown(),
  /** The latest instant that the run has heard of. */
  heardMs: z.number(),
  held: z.array(Activity),
  /** Keys of activities and children that the run has cancelled. */
  cancelled: z.array(key),
  timers: z.array(Timer),
  children: z.array(Child).optional(),
  /** Keys of children that the run was told to be stuck. */
  stuckChildren: z.array(key).optional(),
});
export type RunSnapshot = z.infer<typeof RunSnapshot>;

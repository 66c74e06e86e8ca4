import { idSchema, JsonObject } from '@carapulse/kernel';
import { z } from 'zod';
import { cronFaults } from './cron-faults.ts';

const WEEK_S = 604_800;
const instant = z.iso.datetime();

/**
 * `skip`: a time that comes while an earlier plan of the schedule hasn't ended makes none. `buffer_one`: one such time
 * waits for that end. `allow_all`: each time makes its plan.
 */
export const Overlap = z.enum(['skip', 'buffer_one', 'allow_all']);
export type Overlap = z.infer<typeof Overlap>;

export const ScheduleName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'lower-case letters, digits and hyphens, at most 63');

/** When something is to be planned, and what. Everything about a schedule that its authors write. */
export const ScheduleDefinition = z
  .strictObject({
    /** A named workflow. */
    workflow: z.string().min(1).max(100),
    /** What the workflow is given. */
    input: JsonObject,
    /** Why; people see it beside each plan. */
    reason: z.string().min(1).max(400),
    /** Minute, hour, day of month, month, day of week; see `cronFaults`. */
    cron: z
      .string()
      .max(200)
      .superRefine((text, context) => {
        const fault = cronFaults(text);
        if (fault !== null) context.addIssue({ code: 'custom', message: fault });
      }),
    /** Name of the IANA database, e.g. `Europe/Berlin`. */
    time_zone: z.string().min(1).max(64).default('UTC'),
    /** Each firing comes up to so many seconds after its time. */
    jitter_s: z.int().min(0).max(3600).default(0),
    overlap: Overlap.default('skip'),
    /** How long after its time a firing may still begin, in seconds. What comes later is missed. */
    catch_up_window_s: z.int().min(10).max(WEEK_S).default(600),
    /** Of several times that passed unseen and lie in the window: the last one, or all. */
    catch_up: z.enum(['one', 'all']).default('one'),
    /** No time before it. */
    start_at: instant.nullable().default(null),
    /** No time from it on. */
    end_at: instant.nullable().default(null),
  })
  .refine(
    ({ start_at, end_at }) =>
      start_at === null || end_at === null || Date.parse(start_at) < Date.parse(end_at),
    {
      path: ['end_at'],
      message: 'it lies after start_at',
    },
  );
export type ScheduleDefinition = z.infer<typeof ScheduleDefinition>;

/** A schedule as it is kept. */
export const Schedule = z.object({
  schedule_id: idSchema('schedule'),
  tenant_id: z.string(),
  /** Unique in a tenant. */
  name: ScheduleName,
  definition: ScheduleDefinition,
  paused: z.object({ by: z.string(), note: z.string(), at: instant }).nullable(),
  /** Who created or changed it, each once. None of them may approve a plan of it. */
  authors: z.array(z.string()),
  created_at: instant,
  updated_at: instant,
  updated_by: z.string(),
  /** Each time up to here has its row, or was judged. */
  decided_until: instant,
  /** The first time after that; null when none comes any more. */
  next_at: instant.nullable(),
  /** Grows with each change of a person. */
  revision: z.int().positive(),
});
export type Schedule = z.infer<typeof Schedule>;

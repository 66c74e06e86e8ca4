import { idSchema } from '@carapulse/kernel';
import { z } from 'zod';

const instant = z.iso.datetime();

/**
 * `waiting` for its moment, for an earlier plan's end or for the next try. Then one of: `planned`; `refused`, the
 * workflow makes no plan from this input now; `skipped`, it overlapped; `missed`, its moment passed; `failed`, all tries
 * failed.
 */
export const FiringStatus = z.enum(['waiting', 'planned', 'refused', 'skipped', 'missed', 'failed']);
export type FiringStatus = z.infer<typeof FiringStatus>;

/** What became of one time of a schedule, or of a row of times that were all missed for one reason. */
export const Firing = z.object({
  firing_id: idSchema('firing'),
  schedule_id: idSchema('schedule'),
  tenant_id: z.string(),
  cause: z.enum(['cron', 'backfill', 'manual']),
  /** Who asked for a backfill or a manual firing. */
  requested_by: z.string().nullable(),
  nominal_at: instant,
  /** The last of the times that this row tells of; `nominal_at` itself when it is one. */
  until_at: instant,
  count: z.int().positive(),
  /** The nominal time and its jitter; for what a person asked for, when they did. */
  due_at: instant,
  /** From here on it is missed. */
  deadline_at: instant,
  status: FiringStatus,
  reason: z.string(),
  plan_id: z.string().nullable(),
  attempts: z.int().min(0),
  /** When it is looked at next, while it waits. */
  look_at: instant,
  recorded_at: instant,
  ended_at: instant.nullable(),
});
export type Firing = z.infer<typeof Firing>;

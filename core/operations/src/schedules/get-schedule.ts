import { toAppError, toTimestamp } from '@carapulse/kernel';
import { jitterMs, nextTime, ScheduleName, type Schedule } from '@carapulse/schedule';
import { z } from 'zod';
import type { OperationContext, ReadOperation } from '../operation.ts';
import type { FiringRecord } from '../ports/index.ts';
import { loadSchedule } from './load-schedule.ts';

/** So many times to come are shown. */
const UPCOMING = 5;

export interface ScheduleDetail {
  readonly schedule: Schedule;
  /** The next times, with when each is due after its jitter; none while it is paused. */
  readonly upcoming: ReadonlyArray<{ readonly nominal_at: string; readonly due_at: string }>;
  /** By nominal time, the last first. */
  readonly firings: readonly FiringRecord[];
}

const Input = z.strictObject({
  name: ScheduleName,
  /** How many firings are shown. */
  firings: z.int().min(1).max(200).default(20),
});

/** One schedule with its next times and its last firings. @throws AppError `not_found`. */
export const getSchedule: ReadOperation<z.infer<typeof Input>, ScheduleDetail> = {
  kind: 'read',
  name: 'get-schedule',
  permission: 'schedule.read',
  input: Input,
  run: async (context, { name, firings }) => {
    const schedule = await loadSchedule(context.services.store.read, context.actor.tenant_id, name);
    return detailOf(context, schedule, firings);
  },
};

export async function detailOf(
  { services }: OperationContext,
  schedule: Schedule,
  limit: number,
): Promise<ScheduleDetail> {
  const firings = await services.store.read.firings(schedule.schedule_id, limit);
  return { schedule, upcoming: upcomingOf(services, schedule), firings };
}

function upcomingOf(
  { calendar, clock, logger }: OperationContext['services'],
  { definition, paused, schedule_id, name }: Schedule,
): ScheduleDetail['upcoming'] {
  if (paused !== null) return [];
  const upcoming: Array<{ nominal_at: string; due_at: string }> = [];
  try {
    const occurrences = calendar.open(definition.cron, definition.time_zone);
    let next = nextTime(definition, occurrences, clock.nowMs());
    while (next !== null && upcoming.length < UPCOMING) {
      const nominal_at = toTimestamp(next);
      const due_at = toTimestamp(next + jitterMs(schedule_id, nominal_at, definition.jitter_s));
      upcoming.push({ nominal_at, due_at });
      next = nextTime(definition, occurrences, next);
    }
  } catch (error) {
    // A zone that this build's data doesn't know any more must not hide the schedule.
    logger.error('the times of a schedule cannot be told', {
      schedule: name,
      cause: toAppError(error).message,
    });
  }
  return upcoming;
}

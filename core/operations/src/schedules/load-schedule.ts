import { AppError } from '@carapulse/kernel';
import { ScheduleName, type Schedule } from '@carapulse/schedule';
import { z } from 'zod';
import type { ScheduleReads } from '../ports/index.ts';

/** Names the schedule that a verb is about. */
export const ScheduleInput = z.strictObject({ name: ScheduleName });

/** @throws AppError `not_found`. */
export async function loadSchedule(read: ScheduleReads, tenantId: string, name: string): Promise<Schedule> {
  const found = await read.schedule(tenantId, name);
  if (found !== null) return found;
  throw new AppError(
    'not_found',
    `There is no schedule ${name}; \`assistantctl schedule list\` shows those there are.`,
  );
}

import { ScheduleName, type Schedule } from '@carapulse/schedule';
import { z } from 'zod';
import type { WriteOperation } from '../operation.ts';
import { loadSchedule } from './load-schedule.ts';
import { scheduleNote } from './write-schedule.ts';

const Input = z.strictObject({ name: ScheduleName, reason: z.string().min(1).max(500) });

/**
 * Removes a schedule with its firings; plans that it made go on, and the trail keeps what it was. A firing that is
 * under way makes no plan any more.
 * @throws AppError `not_found`, `conflict`.
 */
export const deleteSchedule: WriteOperation<z.infer<typeof Input>, Schedule> = {
  kind: 'write',
  name: 'delete-schedule',
  permission: 'schedule.write',
  auditAction: 'schedule.delete',
  input: Input,
  run: async ({ actor }, { name, reason }, commit) =>
    commit(async (tx) => {
      const schedule = await loadSchedule(tx, actor.tenant_id, name);
      await tx.deleteSchedule(schedule.schedule_id, schedule.revision);
      const { definition } = schedule;
      return {
        result: schedule,
        audit: scheduleNote('schedule.delete', schedule, { reason, definition }),
        events: [],
      };
    }),
};

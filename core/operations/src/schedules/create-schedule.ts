import { newId, toTimestamp } from '@carapulse/kernel';
import { ScheduleDefinition, ScheduleName, type Schedule } from '@carapulse/schedule';
import { z } from 'zod';
import type { WriteOperation } from '../operation.ts';
import { firstTime } from './check-definition.ts';
import { scheduleNote } from './write-schedule.ts';

const Input = z.strictObject({ name: ScheduleName, definition: ScheduleDefinition });

/**
 * Makes a schedule. It makes no plan by itself: each of its times does, and policy decides on each plan then.
 * @throws AppError `conflict` when the name is taken, `not_found` (workflow), `invalid_input` with pointers.
 */
export const createSchedule: WriteOperation<z.infer<typeof Input>, Schedule> = {
  kind: 'write',
  name: 'create-schedule',
  permission: 'schedule.write',
  auditAction: 'schedule.create',
  input: Input,
  run: async ({ actor, services }, { name, definition }, commit) => {
    const nowMs = services.clock.nowMs();
    const now = toTimestamp(nowMs);
    const schedule: Schedule = {
      schedule_id: newId('schedule', services.clock, services.random),
      tenant_id: actor.tenant_id,
      name,
      definition,
      paused: null,
      authors: [actor.id],
      created_at: now,
      updated_at: now,
      updated_by: actor.id,
      decided_until: now,
      next_at: toTimestamp(firstTime(services, definition, nowMs)),
      revision: 1,
    };
    return commit(async (tx) => {
      await tx.insertSchedule(schedule);
      return {
        result: schedule,
        audit: scheduleNote('schedule.create', schedule, { definition }),
        events: [],
      };
    });
  },
};

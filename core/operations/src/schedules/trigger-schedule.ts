import { AppError } from '@carapulse/kernel';
import { ScheduleName, type Firing } from '@carapulse/schedule';
import { z } from 'zod';
import type { WriteOperation } from '../operation.ts';
import { loadSchedule } from './load-schedule.ts';
import { queuedFiring } from './queued-firing.ts';
import { scheduleNote } from './write-schedule.ts';

const Input = z.strictObject({ name: ScheduleName, reason: z.string().min(1).max(500) });

/**
 * Fires a schedule now, paused or not, beside whatever overlaps. Whoever asks can't approve the plan that comes of it.
 * @throws AppError `not_found`, `conflict` when it fires at this very instant.
 */
export const triggerSchedule: WriteOperation<z.infer<typeof Input>, Firing> = {
  kind: 'write',
  name: 'trigger-schedule',
  permission: 'schedule.write',
  auditAction: 'schedule.trigger',
  input: Input,
  run: async ({ actor, services }, { name, reason }, commit) =>
    commit(async (tx) => {
      const schedule = await loadSchedule(tx, actor.tenant_id, name);
      const asked = { cause: 'manual', requested_by: actor.id } as const;
      const firing = queuedFiring(services, schedule, services.clock.nowMs(), asked);
      if ((await tx.insertFiring(firing)) === 'exists')
        throw new AppError('conflict', `The schedule ${name} fires at this instant already.`, {
          retryable: true,
        });
      const { firing_id, nominal_at } = firing;
      return {
        result: firing,
        audit: scheduleNote('schedule.trigger', schedule, { reason, firing_id, nominal_at }),
        events: [],
      };
    }),
};

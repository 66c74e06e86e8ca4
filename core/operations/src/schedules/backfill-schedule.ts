import { AppError } from '@carapulse/kernel';
import { MOST_AT_ONCE, nextTime, ScheduleName, type Schedule } from '@carapulse/schedule';
import { z } from 'zod';
import type { WriteOperation } from '../operation.ts';
import type { Services } from '../services.ts';
import { loadSchedule } from './load-schedule.ts';
import { queuedFiring } from './queued-firing.ts';
import { scheduleNote } from './write-schedule.ts';

const Input = z.strictObject({
  name: ScheduleName,
  from: z.iso.datetime(),
  to: z.iso.datetime(),
  reason: z.string().min(1).max(500),
});

export interface BackfillOutcome {
  readonly queued: number;
  /** Times that have a plan, or wait for one, already. */
  readonly existing: number;
}

/**
 * Fires the times of a schedule in [from, to) that have made no plan, one after the other. All of them lie in the past,
 * and between its start and its end; it may be younger than they are.
 * @throws AppError `not_found`, `invalid_input` when the range is empty, reaches into the future or holds too many.
 */
export const backfillSchedule: WriteOperation<z.infer<typeof Input>, BackfillOutcome> = {
  kind: 'write',
  name: 'backfill-schedule',
  permission: 'schedule.write',
  auditAction: 'schedule.backfill',
  input: Input,
  run: async ({ actor, services }, { name, from, to, reason }, commit) =>
    commit(async (tx) => {
      const schedule = await loadSchedule(tx, actor.tenant_id, name);
      let existing = 0;
      const times = timesBetween(services, schedule, Date.parse(from), Date.parse(to));
      for (const nominalMs of times) {
        const asked = { cause: 'backfill', requested_by: actor.id } as const;
        const made = await tx.insertFiring(queuedFiring(services, schedule, nominalMs, asked));
        if (made === 'exists') existing += 1;
      }
      const result = { queued: times.length - existing, existing };
      return {
        result,
        audit: scheduleNote('schedule.backfill', schedule, { from, to, reason, ...result }),
        events: [],
      };
    }),
};

function timesBetween(
  { calendar, clock }: Services,
  { definition }: Schedule,
  fromMs: number,
  toMs: number,
): readonly number[] {
  const refuse = (pointer: string, detail: string): AppError =>
    new AppError('invalid_input', `The backfill is not valid at ${pointer}: ${detail}.`, {
      errors: [{ pointer, detail }],
    });
  if (fromMs < 0) throw refuse('/from', 'it lies before 1970');
  if (fromMs >= toMs) throw refuse('/to', 'it lies after from');
  if (toMs > clock.nowMs()) throw refuse('/to', 'it lies in the past; times to come fire by themselves');
  const occurrences = calendar.open(definition.cron, definition.time_zone);
  const times: number[] = [];
  let next = nextTime(definition, occurrences, fromMs - 1);
  while (next !== null && next < toMs) {
    times.push(next);
    if (times.length > MOST_AT_ONCE)
      throw refuse('/to', `more than ${MOST_AT_ONCE} times lie between; take a shorter range`);
    next = nextTime(definition, occurrences, next);
  }
  if (times.length === 0) throw refuse('/from', `no time of ${definition.cron} lies between`);
  return times;
}

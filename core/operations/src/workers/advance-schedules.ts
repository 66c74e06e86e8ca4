import { AppError, toAppError, toTimestamp } from '@carapulse/kernel';
import { CLOCK_TOLERANCE_MS, type Schedule } from '@carapulse/schedule';
import { recordEvent } from '../audit-trail.ts';
import { commitAudited, type OperationContext } from '../operation.ts';
import { timeAfter } from '../schedules/check-definition.ts';
import { firingNote } from '../schedules/firing-note.ts';
import { judgeTimes } from '../schedules/judge-times.ts';
import { scheduleNote } from '../schedules/write-schedule.ts';
import { serviceContext } from '../service-actor.ts';
import type { Services } from '../services.ts';

/**
 * Gives each time of each schedule that has come its row. A schedule that can't be read any more is paused with the
 * reason, so that it neither stops the others nor fails again at each look.
 * @returns how many schedules moved on. @throws AppError `internal` once all were looked at, naming those that failed.
 */
export async function advanceSchedules(
  services: Services,
  signal: AbortSignal,
  onMissed: (times: number) => void,
): Promise<number> {
  const context = serviceContext(services, 'scheduler', signal);
  const nowMs = services.clock.nowMs();
  const ahead = toTimestamp(nowMs + CLOCK_TOLERANCE_MS);
  const due = await services.store.read.dueSchedules(toTimestamp(nowMs), ahead, 100);
  const failures: string[] = [];
  let moved = 0;
  for (const schedule of due) {
    if (signal.aborted) break;
    try {
      if (schedule.decided_until > ahead) await turnBack(context, schedule, nowMs);
      else onMissed(await advance(context, schedule));
      moved += 1;
    } catch (error) {
      const failure = toAppError(error);
      // Another process was first, or a person has changed it.
      if (failure.code === 'conflict' || failure.code === 'not_found') continue;
      if (failure.code === 'invalid_input') await pauseBroken(context, schedule, failure);
      else failures.push(`${schedule.name}: ${failure.message}`);
    }
  }
  if (failures.length > 0) throw new AppError('internal', failures.join('; '));
  return moved;
}

/** What waits is audited when it ends; what is missed has ended. @returns how many were missed that nobody had paused. */
async function advance(context: OperationContext, schedule: Schedule): Promise<number> {
  const { services } = context;
  return services.store.transaction(async (tx) => {
    const { missed, missedTimes, ...reached } = await judgeTimes(tx, services, schedule);
    await tx.advanceSchedule(schedule, reached);
    for (const firing of missed) await recordEvent(tx, context, firingNote(schedule, firing));
    return schedule.paused === null ? missedTimes : 0;
  });
}

/** After a clock that was far ahead: times from now on come as they would have; none of them makes a second plan. */
async function turnBack(context: OperationContext, schedule: Schedule, nowMs: number): Promise<void> {
  const { decided_until } = schedule;
  const next_at = timeAfter(context.services, schedule.definition, nowMs);
  await commitAudited(context, async (tx) => {
    await tx.advanceSchedule(schedule, { decided_until: toTimestamp(nowMs), next_at });
    const audit = scheduleNote('schedule.clock_back', schedule, { decided_until });
    return { result: null, audit, events: [] };
  });
  context.services.logger.warn('the clock was set back behind what a schedule had seen', {
    schedule: schedule.name,
    decided_until,
  });
}

async function pauseBroken(context: OperationContext, schedule: Schedule, cause: AppError): Promise<void> {
  const { services, actor } = context;
  const note = `it can't be read any more: ${cause.message}`.slice(0, 400);
  const at = toTimestamp(services.clock.nowMs());
  services.logger.error('a schedule was paused', { schedule: schedule.name, cause: cause.message });
  await commitAudited(context, async (tx) => {
    const paused = { by: actor.id, note, at };
    await tx.updateSchedule(
      { ...schedule, paused, decided_until: at, next_at: null, updated_at: at, updated_by: actor.id },
      schedule.revision,
    );
    return { result: null, audit: scheduleNote('schedule.pause', schedule, { note }), events: [] };
  });
}

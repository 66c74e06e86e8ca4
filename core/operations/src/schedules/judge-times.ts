import { AppError, toTimestamp } from '@carapulse/kernel';
import { decideDue, type Firing, type MissedTimes, type Schedule } from '@carapulse/schedule';
import type { ScheduleWrites } from '../ports/index.ts';
import type { Services } from '../services.ts';
import { queuedFiring } from './queued-firing.ts';

type Judging = Pick<Services, 'calendar' | 'clock' | 'random'>;

/** How far a schedule is judged once its rows are written, and which rows of missed times are new. */
export interface Judgement extends Pick<Schedule, 'decided_until' | 'next_at'> {
  readonly missed: readonly Firing[];
  /** How many times were missed, in new rows and in those that grew. */
  readonly missedTimes: number;
}

/**
 * Gives each time that has come since the last judgement its row: a firing that waits, or what it was missed for. The
 * caller writes how far that went in the same transaction, as a compare-and-set, so that no time is judged twice.
 * @throws AppError `invalid_input` when the calendar can't read the schedule any more.
 */
export async function judgeTimes(
  tx: ScheduleWrites,
  services: Judging,
  schedule: Schedule,
): Promise<Judgement> {
  const { definition } = schedule;
  const occurrences = services.calendar.open(definition.cron, definition.time_zone);
  const decision = decideDue(schedule, occurrences, services.clock.nowMs());
  const missed: Firing[] = [];
  for (const times of decision.missed) {
    const add = { until_at: toTimestamp(times.untilMs), count: times.count };
    if (await tx.extendMissed(schedule.schedule_id, times.reason, add)) continue;
    const row = missedFiring(services, schedule, times);
    await tx.insertFiring(row);
    missed.push(row);
  }
  for (const nominalMs of decision.fireMs)
    await tx.insertFiring(queuedFiring(services, schedule, nominalMs, { cause: 'cron', requested_by: null }));
  return {
    decided_until: toTimestamp(decision.decidedUntilMs),
    next_at: decision.nextMs === null ? null : toTimestamp(decision.nextMs),
    missed,
    missedTimes: decision.missed.reduce((sum, { count }) => sum + count, 0),
  };
}

/**
 * The same before a person's change, which is to hold from now on: nothing that has passed may be left to it.
 * @throws AppError `conflict` while more times have passed than are judged at once.
 */
export async function judgeBefore(tx: ScheduleWrites, services: Judging, schedule: Schedule): Promise<void> {
  const { next_at } = await judgeTimes(tx, services, schedule);
  if (next_at === null || Date.parse(next_at) > services.clock.nowMs()) return;
  throw new AppError(
    'conflict',
    `The past times of ${schedule.name} are still being judged; try again in a moment.`,
    {
      retryable: true,
    },
  );
}

function missedFiring(services: Judging, schedule: Schedule, times: MissedTimes): Firing {
  const cause = { cause: 'cron', requested_by: null } as const;
  const firing = queuedFiring(services, schedule, times.fromMs, cause);
  return {
    ...firing,
    until_at: toTimestamp(times.untilMs),
    count: times.count,
    status: 'missed',
    reason: times.reason,
    ended_at: firing.recorded_at,
  };
}

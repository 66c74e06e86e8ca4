import { toTimestamp, type JsonObject } from '@carapulse/kernel';
import type { Schedule } from '@carapulse/schedule';
import type { Commit, OperationContext } from '../operation.ts';
import type { StoreTransaction } from '../ports/index.ts';

export type ScheduleAction =
  | 'schedule.create'
  | 'schedule.replace'
  | 'schedule.pause'
  | 'schedule.resume'
  | 'schedule.trigger'
  | 'schedule.backfill'
  | 'schedule.delete'
  | 'schedule.clock_back';

/** What the trail says about a change of a schedule; the input as it was given, redacted like all of the trail. */
export function scheduleNote(action: ScheduleAction, schedule: Schedule, details: JsonObject) {
  return {
    action,
    phase: 'event',
    subject: { kind: 'schedule', id: schedule.schedule_id },
    outcome: { result: 'ok' },
    details: { name: schedule.name, revision: schedule.revision, ...details },
  } as const;
}

interface ScheduleChange {
  readonly schedule: Schedule;
  readonly details: JsonObject;
}

/** Changes a schedule as a person asked, and audits it. @returns it as it is then. */
export async function writeSchedule(
  { actor, services }: OperationContext,
  commit: Commit,
  action: ScheduleAction,
  load: (tx: StoreTransaction) => Promise<Schedule>,
  change: (tx: StoreTransaction, known: Schedule, nowMs: number) => Promise<ScheduleChange>,
): Promise<Schedule> {
  return commit(async (tx) => {
    const known = await load(tx);
    const nowMs = services.clock.nowMs();
    const { schedule, details } = await change(tx, known, nowMs);
    const written = { ...schedule, updated_at: toTimestamp(nowMs), updated_by: actor.id };
    await tx.updateSchedule(written, known.revision);
    const result = { ...written, revision: known.revision + 1 };
    return { result, audit: scheduleNote(action, result, details), events: [] };
  });
}

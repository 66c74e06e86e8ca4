import { toAppError, toTimestamp } from '@carapulse/kernel';
import type { Firing, Schedule } from '@carapulse/schedule';
import { recordEvent } from '../audit-trail.ts';
import { commitAudited, type OperationContext } from '../operation.ts';
import { firingNote } from '../schedules/firing-note.ts';
import { scheduleNote } from '../schedules/write-schedule.ts';

/** Later than every look of a firing. */
const END_OF_TIME = '9999-12-31T23:59:59.999Z';
const PAGE = 100;

/**
 * After a restore, or a failover that lost writes: pauses every schedule, since a pause, a change or a deletion of it may
 * be lost, and lets each firing that waits be missed, since it may have been carried out. So no time of the lost history
 * makes a second plan. A person looks and resumes. Repeatable. @returns how many schedules were paused.
 */
export async function pauseRestoredSchedules(context: OperationContext, why: string): Promise<number> {
  const note = `the database is not what it was: ${why}`.slice(0, 400);
  await missWaiting(context, note);
  let paused = 0;
  for (const schedule of await allSchedules(context)) {
    if (await pause(context, schedule.schedule_id, note)) paused += 1;
  }
  return paused;
}

async function allSchedules({ services, actor }: OperationContext): Promise<readonly Schedule[]> {
  const found: Schedule[] = [];
  let after: string | null = null;
  do {
    const page = await services.store.read.schedules(actor.tenant_id, { limit: PAGE, after });
    found.push(...page.items);
    after = page.next;
  } while (after !== null);
  return found;
}

/** Its times since then are judged by the workers, as those of any that is paused. */
async function pause(context: OperationContext, scheduleId: string, note: string): Promise<boolean> {
  const { services, actor } = context;
  const known = await services.store.read.scheduleById(scheduleId);
  if (known === null || known.paused !== null) return false;
  const at = toTimestamp(services.clock.nowMs());
  const schedule = {
    ...known,
    paused: { by: actor.id, note, at },
    updated_at: at,
    updated_by: actor.id,
    revision: known.revision + 1,
  };
  await commitAudited(context, async (tx) => {
    await tx.updateSchedule(schedule, known.revision);
    return { result: null, audit: scheduleNote('schedule.pause', schedule, { note }), events: [] };
  });
  return true;
}

async function missWaiting(context: OperationContext, reason: string): Promise<void> {
  const { store } = context.services;
  for (;;) {
    const waiting = await store.read.waitingFirings(END_OF_TIME, [], PAGE);
    if (waiting.length === 0) return;
    for (const firing of waiting) await miss(context, firing, reason);
  }
}

async function miss(context: OperationContext, firing: Firing, reason: string): Promise<void> {
  const { store, clock } = context.services;
  try {
    await store.transaction(async (tx) => {
      const schedule = await tx.scheduleById(firing.schedule_id);
      const ended_at = toTimestamp(clock.nowMs());
      const missed = { ...firing, status: 'missed', reason, ended_at } as const;
      const { status, attempts, look_at } = missed;
      await tx.updateFiring(firing.firing_id, { status, reason, attempts, look_at, ended_at });
      if (schedule !== null) await recordEvent(tx, context, firingNote(schedule, missed));
    });
  } catch (error) {
    // It has ended meanwhile, in a process that serves on.
    if (toAppError(error).code !== 'fenced') throw error;
  }
}

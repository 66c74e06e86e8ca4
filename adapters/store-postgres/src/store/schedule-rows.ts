import { AppError } from '@carapulse/kernel';
import type { FiringRecord, ScheduleReads, ScheduleWrites } from '@carapulse/operations';
import { PLAN_TRANSITIONS, PlanStatus } from '@carapulse/plan';
import type { Firing, Schedule } from '@carapulse/schedule';
import { toPage } from './page.ts';
import type { Session } from './session.ts';
import { staleRevision } from './store-error.ts';
import { freeText, indexKey } from './text.ts';

const FIRING_COLUMNS = [
  'firing_id',
  'schedule_firings.schedule_id',
  'schedule_firings.tenant_id',
  'cause',
  'requested_by',
  'nominal_at',
  'until_at',
  'count',
  'due_at',
  'deadline_at',
  'schedule_firings.status',
  'reason',
  'schedule_firings.plan_id',
  'attempts',
  'look_at',
  'recorded_at',
  'ended_at',
] as const;
const OPEN = PlanStatus.options.filter((status) => PLAN_TRANSITIONS[status].length > 0);

export function scheduleReads(session: Session): ScheduleReads {
  const schedules = () =>
    session().selectFrom('schedules').select(['document', 'decided_until', 'next_at', 'revision']);
  const withPlan = () =>
    session()
      .selectFrom('schedule_firings')
      .leftJoin('plans', (join) =>
        join
          .onRef('plans.plan_id', '=', 'schedule_firings.plan_id')
          .on('schedule_firings.status', '=', 'planned'),
      )
      .select([...FIRING_COLUMNS, 'plans.status as plan_status']);
  return {
    async schedule(tenantId, name) {
      const row = await schedules()
        .where('tenant_id', '=', tenantId)
        .where('name', '=', indexKey(name))
        .executeTakeFirst();
      return row === undefined ? null : scheduleOf(row);
    },
    async scheduleById(scheduleId) {
      const row = await schedules().where('schedule_id', '=', indexKey(scheduleId)).executeTakeFirst();
      return row === undefined ? null : scheduleOf(row);
    },
    async schedules(tenantId, page) {
      let query = schedules().where('tenant_id', '=', tenantId);
      if (page.after !== null) query = query.where('schedule_id', '<', indexKey(page.after));
      const rows = await query
        .orderBy('schedule_id', 'desc')
        .limit(page.limit + 1)
        .execute();
      return toPage(rows, page, (row) => row.document.schedule_id, scheduleOf);
    },
    async dueSchedules(nowIso, aheadIso, limit) {
      const rows = await schedules()
        .where((where) => where.or([where('next_at', '<=', nowIso), where('decided_until', '>', aheadIso)]))
        .orderBy('next_at', (order) => order.asc().nullsLast())
        .orderBy('schedule_id')
        .limit(limit)
        .execute();
      return rows.map((row) => scheduleOf(row));
    },
    async firings(scheduleId, limit) {
      const rows = await withPlan()
        .where('schedule_firings.schedule_id', '=', indexKey(scheduleId))
        .orderBy('nominal_at', 'desc')
        .orderBy('firing_id', 'desc')
        .limit(limit)
        .execute();
      return rows satisfies readonly FiringRecord[];
    },
    async waitingFirings(nowIso, butOf, limit) {
      let query = session()
        .selectFrom('schedule_firings')
        .select(FIRING_COLUMNS)
        .where('status', '=', 'waiting')
        .where('look_at', '<=', nowIso);
      if (butOf.length > 0) query = query.where('schedule_id', 'not in', [...butOf]);
      const rows = await query
        .orderBy('look_at')
        .orderBy('nominal_at')
        .orderBy('firing_id')
        .limit(limit)
        .execute();
      return rows satisfies readonly Firing[];
    },
    async overlappedFiring(firing, nowIso) {
      // Begins at the plans that are open, which stay few, and looks each one up. Left to itself, a database without
      // statistics reads every firing that the schedule ever had.
      const running = await session()
        .with(
          (cte) => cte('open').materialized(),
          (database) =>
            database.selectFrom('plans').select(['plan_id', 'status']).where('status', 'in', OPEN),
        )
        .selectFrom('open')
        .innerJoinLateral(
          (join) =>
            join
              .selectFrom('schedule_firings')
              .select(FIRING_COLUMNS)
              .where('status', '=', 'planned')
              .whereRef('schedule_firings.plan_id', '=', 'open.plan_id')
              .limit(1)
              .as('firing'),
          (join) => join.onTrue(),
        )
        .selectAll('firing')
        .select('open.status as plan_status')
        .where('firing.schedule_id', '=', firing.schedule_id)
        .orderBy('nominal_at', 'desc')
        .limit(1)
        .executeTakeFirst();
      const waiting = await session()
        .selectFrom('schedule_firings')
        .select(FIRING_COLUMNS)
        .where('status', '=', 'waiting')
        .where('schedule_id', '=', firing.schedule_id)
        .where('nominal_at', '<', firing.nominal_at)
        .where('due_at', '<=', nowIso)
        .orderBy('nominal_at', 'desc')
        .limit(1)
        .executeTakeFirst();
      if (waiting === undefined || (running !== undefined && running.nominal_at > waiting.nominal_at))
        return running ?? null;
      return { ...waiting, plan_status: null };
    },
  };
}

export function scheduleWrites(session: Session): ScheduleWrites {
  const stale = async (scheduleId: string, expected: number): Promise<AppError> => {
    const found = await session()
      .selectFrom('schedules')
      .select('revision')
      .where('schedule_id', '=', scheduleId)
      .executeTakeFirst();
    return staleRevision('schedule', scheduleId, expected, found?.revision);
  };
  return {
    async insertSchedule(schedule) {
      const { schedule_id, tenant_id } = schedule;
      await session()
        .insertInto('schedules')
        .values({ schedule_id, tenant_id, name: indexKey(schedule.name), ...changing(schedule) })
        .execute();
    },
    async updateSchedule(schedule, expectedRevision) {
      const done = await session()
        .updateTable('schedules')
        .set(changing({ ...schedule, revision: expectedRevision + 1 }))
        .where('schedule_id', '=', schedule.schedule_id)
        .where('revision', '=', expectedRevision)
        .executeTakeFirst();
      if (done.numUpdatedRows !== 1n) throw await stale(schedule.schedule_id, expectedRevision);
    },
    async advanceSchedule(seen, { decided_until, next_at }) {
      const done = await session()
        .updateTable('schedules')
        .set({ decided_until, next_at })
        .where('schedule_id', '=', seen.schedule_id)
        .where('revision', '=', seen.revision)
        .where('decided_until', '=', seen.decided_until)
        .executeTakeFirst();
      if (done.numUpdatedRows !== 1n) throw await stale(seen.schedule_id, seen.revision);
    },
    async deleteSchedule(scheduleId, expectedRevision) {
      const done = await session()
        .deleteFrom('schedules')
        .where('schedule_id', '=', scheduleId)
        .where('revision', '=', expectedRevision)
        .executeTakeFirst();
      if (done.numDeletedRows !== 1n) throw await stale(scheduleId, expectedRevision);
    },
    async insertFiring(firing) {
      const inserted = await session()
        .insertInto('schedule_firings')
        .values({ ...firing, reason: freeText(firing.reason) })
        .onConflict((conflict) =>
          conflict
            .columns(['schedule_id', 'nominal_at'])
            .where('status', 'in', ['waiting', 'planned'])
            .doNothing(),
        )
        .returning('firing_id')
        .executeTakeFirst();
      return inserted === undefined ? 'exists' : 'inserted';
    },
    async extendMissed(scheduleId, reason, { until_at, count }) {
      const last = await session()
        .selectFrom('schedule_firings')
        .select(['firing_id', 'status', 'reason', 'count'])
        .where('schedule_id', '=', scheduleId)
        .where('until_at', '<', until_at)
        .orderBy('nominal_at', 'desc')
        .orderBy('firing_id', 'desc')
        .limit(1)
        .executeTakeFirst();
      if (last?.status !== 'missed' || last.reason !== freeText(reason)) return false;
      await session()
        .updateTable('schedule_firings')
        .set({ until_at, count: last.count + count })
        .where('firing_id', '=', last.firing_id)
        .execute();
      return true;
    },
    async claimFiring(firingId, process, living, planId) {
      const others = [...living].filter((each) => each !== process);
      let claim = session()
        .updateTable('schedule_firings')
        .set((set) => ({ process, plan_id: set.fn.coalesce('plan_id', set.val(planId)) }))
        .where('firing_id', '=', firingId)
        .where('status', '=', 'waiting');
      if (others.length > 0) claim = claim.where('process', 'not in', others);
      return (await claim.returning('plan_id').executeTakeFirst())?.plan_id ?? null;
    },
    async updateFiring(firingId, { status, reason, attempts, look_at, ended_at }) {
      const done = await session()
        .updateTable('schedule_firings')
        .set({ status, reason: freeText(reason), attempts, look_at, ended_at })
        .where('firing_id', '=', firingId)
        .where('status', '=', 'waiting')
        .executeTakeFirst();
      if (done.numUpdatedRows === 1n) return;
      throw new AppError('fenced', `The firing ${firingId} has ended, or is gone.`);
    },
  };
}

/** What changes beside the document stands in columns of its own, and counts. */
function scheduleOf({
  document,
  ...row
}: Pick<Schedule, 'decided_until' | 'next_at' | 'revision'> & { readonly document: Schedule }): Schedule {
  return { ...document, ...row };
}

function changing(schedule: Schedule) {
  const { decided_until, next_at, revision } = schedule;
  return { decided_until, next_at, revision, document: JSON.stringify(schedule) };
}

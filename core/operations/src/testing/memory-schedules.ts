import { AppError } from '@carapulse/kernel';
import { PLAN_TRANSITIONS } from '@carapulse/plan';
import type { Firing, Schedule } from '@carapulse/schedule';
import type { FiringRecord, ScheduleReads, ScheduleWrites } from '../ports/index.ts';
import { missing, sorted, toPage } from './memory-rows.ts';
import type { Tables } from './tables.ts';

const byNominal = (firing: Firing): string => `${firing.nominal_at} ${firing.firing_id}`;

export function memoryScheduleReads(tables: () => Tables): ScheduleReads {
  const of = (scheduleId: string): readonly Firing[] =>
    [...tables().firings.values()].filter((row) => row.schedule_id === scheduleId);
  const withPlan = (firing: Firing): FiringRecord => ({
    ...firing,
    plan_status:
      firing.status === 'planned' ? (tables().plans.get(firing.plan_id ?? '')?.status ?? null) : null,
  });
  return {
    schedule: async (tenantId, name) =>
      [...tables().schedules.values()].find((row) => row.tenant_id === tenantId && row.name === name) ?? null,
    scheduleById: async (id) => tables().schedules.get(id) ?? null,
    schedules: async (tenantId, page) =>
      toPage(
        [...tables().schedules.values()].filter((row) => row.tenant_id === tenantId),
        page,
        (row) => row.schedule_id,
      ),
    dueSchedules: async (nowIso, aheadIso, limit) =>
      sorted(
        [...tables().schedules.values()].filter(
          (row) => (row.next_at !== null && row.next_at <= nowIso) || row.decided_until > aheadIso,
        ),
        (row) => `${row.next_at ?? '~'} ${row.schedule_id}`,
      ).slice(0, limit),
    firings: async (id, limit) => sorted(of(id), byNominal).toReversed().slice(0, limit).map(withPlan),
    waitingFirings: async (nowIso, butOf, limit) =>
      sorted(
        [...tables().firings.values()].filter(
          (row) => row.status === 'waiting' && row.look_at <= nowIso && !butOf.includes(row.schedule_id),
        ),
        (row) => `${row.look_at} ${byNominal(row)}`,
      ).slice(0, limit),
    overlappedFiring: async (firing, nowIso) => {
      const found = of(firing.schedule_id)
        .map(withPlan)
        .filter((row) =>
          row.status === 'waiting'
            ? row.nominal_at < firing.nominal_at && row.due_at <= nowIso
            : row.plan_status !== null && PLAN_TRANSITIONS[row.plan_status].length > 0,
        );
      return sorted(found, byNominal).at(-1) ?? null;
    },
  };
}

export function memoryScheduleWrites(tables: () => Tables): ScheduleWrites {
  const expect = (scheduleId: string, revision: number): Schedule => {
    const known = tables().schedules.get(scheduleId);
    if (known === undefined) throw missing('schedule', scheduleId);
    if (known.revision === revision) return known;
    throw new AppError('conflict', `The schedule ${scheduleId} has changed.`, { retryable: true });
  };
  return {
    insertSchedule: async (schedule) => {
      for (const { tenant_id, name } of tables().schedules.values())
        if (tenant_id === schedule.tenant_id && name === schedule.name)
          throw new AppError('conflict', `The schedule ${name} exists already.`);
      tables().schedules.set(schedule.schedule_id, schedule);
    },
    updateSchedule: async (schedule, revision) => {
      expect(schedule.schedule_id, revision);
      tables().schedules.set(schedule.schedule_id, { ...schedule, revision: revision + 1 });
    },
    advanceSchedule: async (seen, { decided_until, next_at }) => {
      const known = expect(seen.schedule_id, seen.revision);
      if (known.decided_until !== seen.decided_until)
        throw new AppError('conflict', `The schedule ${seen.name} was judged meanwhile.`, {
          retryable: true,
        });
      tables().schedules.set(seen.schedule_id, { ...known, decided_until, next_at });
    },
    deleteSchedule: async (scheduleId, revision) => {
      expect(scheduleId, revision);
      tables().schedules.delete(scheduleId);
      for (const row of tables().firings.values())
        if (row.schedule_id === scheduleId) tables().firings.delete(row.firing_id);
    },
    insertFiring: async (firing) => {
      if (!tables().schedules.has(firing.schedule_id)) throw missing('schedule', firing.schedule_id);
      const live = ({ status }: Firing): boolean => status === 'waiting' || status === 'planned';
      for (const row of tables().firings.values())
        if (
          row.schedule_id === firing.schedule_id &&
          row.nominal_at === firing.nominal_at &&
          live(row) &&
          live(firing)
        )
          return 'exists';
      tables().firings.set(firing.firing_id, firing);
      return 'inserted';
    },
    extendMissed: async (scheduleId, reason, { until_at, count }) => {
      const rows = [...tables().firings.values()].filter(
        (row) => row.schedule_id === scheduleId && row.until_at < until_at,
      );
      const last = sorted(rows, byNominal).at(-1);
      if (last?.status !== 'missed' || last.reason !== reason) return false;
      tables().firings.set(last.firing_id, { ...last, until_at, count: last.count + count });
      return true;
    },
    claimFiring: async (firingId, process, living, planId) => {
      const known = tables().firings.get(firingId);
      if (known?.status !== 'waiting') return null;
      const holder = tables().firingProcesses.get(firingId) ?? 0;
      if (holder !== process && living.has(holder)) return null;
      tables().firingProcesses.set(firingId, process);
      const plan_id = known.plan_id ?? planId;
      tables().firings.set(firingId, { ...known, plan_id });
      return plan_id;
    },
    updateFiring: async (firingId, { status, reason, attempts, look_at, ended_at }) => {
      const known = tables().firings.get(firingId);
      if (known?.status !== 'waiting')
        throw new AppError('fenced', `The firing ${firingId} has ended, or is gone.`);
      tables().firings.set(firingId, { ...known, status, reason, attempts, look_at, ended_at });
    },
  };
}

import type { Firing, Schedule } from '@carapulse/schedule';
import type { PlanStatus } from '@carapulse/plan';
import type { Page, PageRequest } from './records.ts';

/** A firing, with what became of its plan by now; null without one. */
export interface FiringRecord extends Firing {
  readonly plan_status: PlanStatus | null;
}

/**
 * Schedules and their firings. Invariants, held by the database:
 * 1. A schedule's name is unique in its tenant.
 * 2. Of one schedule and nominal time there is at most one firing that waits or has a plan.
 * 3. A firing that has ended doesn't change, but that a row of missed times grows at its end.
 */
export interface ScheduleReads {
  schedule(tenantId: string, name: string): Promise<Schedule | null>;
  scheduleById(scheduleId: string): Promise<Schedule | null>;
  /** Newest first. */
  schedules(tenantId: string, page: PageRequest): Promise<Page<Schedule>>;
  /** Whose next time has come, or that were judged beyond `aheadIso`; the longest due first, of every tenant. */
  dueSchedules(nowIso: string, aheadIso: string, limit: number): Promise<readonly Schedule[]>;
  /** By nominal time, the last first. */
  firings(scheduleId: string, limit: number): Promise<readonly FiringRecord[]>;
  /**
   * Firings that wait and are to be looked at now, but those of some schedules: by the moment of that, then by nominal
   * time; of every tenant.
   */
  waitingFirings(nowIso: string, butOf: readonly string[], limit: number): Promise<readonly Firing[]>;
  /**
   * What an overlapping firing would collide with: an earlier one of the schedule that waits and is due, or one whose
   * plan hasn't ended. The one with the last nominal time; null when there is none.
   */
  overlappedFiring(firing: Firing, nowIso: string): Promise<FiringRecord | null>;
}

/** How a firing goes on: it ends, or it waits for its next look. */
export type FiringChange = Pick<Firing, 'status' | 'reason' | 'attempts' | 'look_at' | 'ended_at'>;

export interface ScheduleWrites {
  /** @throws AppError `conflict` when the name is taken. */
  insertSchedule(schedule: Schedule): Promise<void>;
  /** Its revision becomes one more than expected. @throws AppError `conflict`, `not_found`. */
  updateSchedule(schedule: Schedule, expectedRevision: number): Promise<void>;
  /** Says how far the times are judged. @throws AppError `conflict` unless revision and `decided_until` are as seen. */
  advanceSchedule(seen: Schedule, change: Pick<Schedule, 'decided_until' | 'next_at'>): Promise<void>;
  /** With its firings. @throws AppError `conflict`, `not_found`. */
  deleteSchedule(scheduleId: string, expectedRevision: number): Promise<void>;
  /** `exists` when another firing of the same schedule and nominal time waits or has a plan. */
  insertFiring(firing: Firing): Promise<'inserted' | 'exists'>;
  /**
   * Adds times to the schedule's last firing by nominal time, if that is one of missed times for the same reason. Firings
   * that tell of later times, since a clock was ahead, aren't looked at.
   */
  extendMissed(
    scheduleId: string,
    reason: string,
    add: { readonly until_at: string; readonly count: number },
  ): Promise<boolean>;
  /**
   * Makes the process the one that carries out a firing which waits, under this plan id or the one that an earlier
   * claim gave it. @returns that plan id, or null when the firing has ended, is gone, or another process carries it out
   * which is `living`. The claim is nobody else's until the transaction has ended.
   */
  claimFiring(
    firingId: string,
    process: number,
    living: ReadonlySet<number>,
    planId: string,
  ): Promise<string | null>;
  /** Of a firing that waits. @throws AppError `fenced` when it has ended, or is gone. */
  updateFiring(firingId: string, change: FiringChange): Promise<void>;
}

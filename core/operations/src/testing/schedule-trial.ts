import type { JsonObject, JsonValue } from '@carapulse/kernel';
import { COMMIT, lenientCatalogue, PREVIEW, PROFILE } from '@carapulse/planning/testing';
import type { Firing, Schedule, ScheduleDefinition } from '@carapulse/schedule';
import { invoke } from '../operation.ts';
import type { FiringRecord } from '../ports/index.ts';
import { createSchedule } from '../schedules/create-schedule.ts';
import { advanceSchedules } from '../workers/advance-schedules.ts';
import { createFirer } from '../workers/fire-schedules.ts';
import { createHarness, type Harness } from './harness.ts';

const MINUTE_MS = 60_000;
const READABLE: JsonValue = { ...PREVIEW, base_revision: 'r0', expected_commit: 'r1' };

/** The tools of `revert-commit`, with the fixture's facts and without its schemas. */
const catalogue = lenientCatalogue(
  ({ tool, action }) => `${tool}.${action === 'revert' ? 'revert' : 'preview'}`,
);

/** A harness with schedules of `revert-commit`, whose calendar knows every minute. */
export interface ScheduleTrial {
  readonly harness: Harness;
  /** Created by alice. */
  readonly create: (change?: Partial<ScheduleDefinition>, name?: string) => Promise<Schedule>;
  /** Lets time pass, judges what came and carries out what is due. */
  readonly pass: (ms?: number) => Promise<void>;
  /** What the workers of one process do when they look once. */
  readonly look: (harness?: Pick<Harness, 'services'>) => Promise<void>;
  readonly firings: (name?: string) => Promise<readonly FiringRecord[]>;
  /** `12:01 planned`, by nominal time, the first first. */
  readonly told: (name?: string) => Promise<readonly string[]>;
  readonly audited: (action: string) => Promise<readonly JsonObject[]>;
}

export function scheduleDefinition(change: Partial<ScheduleDefinition> = {}): ScheduleDefinition {
  return {
    workflow: 'revert-commit',
    input: { repository: 'shop', commit: COMMIT, service: 'checkout' },
    reason: 'the trial',
    cron: '* * * * *',
    time_zone: 'UTC',
    jitter_s: 0,
    overlap: 'allow_all',
    catch_up_window_s: 600,
    catch_up: 'one',
    start_at: null,
    end_at: null,
    ...change,
  };
}

export function createScheduleTrial(): ScheduleTrial {
  const harness = createHarness({}, { catalogue, profiles: { checkout: PROFILE } });
  harness.answer = () => READABLE;
  const { signal } = new AbortController();
  const look: ScheduleTrial['look'] = async ({ services } = harness) => {
    await advanceSchedules(services, signal, () => {});
    const firer = createFirer(services, signal, () => {});
    await firer.take();
    await firer.settled();
  };
  const firings = async (name = 'nightly'): Promise<readonly FiringRecord[]> => {
    const schedule = await harness.store.read.schedule('acme', name);
    return schedule === null ? [] : harness.store.read.firings(schedule.schedule_id, 1000);
  };
  return {
    harness,
    create: (change = {}, name = 'nightly') =>
      invoke(createSchedule, harness.as({ id: 'user:alice' }), {
        name,
        definition: scheduleDefinition(change),
      }),
    pass: async (ms = MINUTE_MS) => {
      harness.nowMs += ms;
      await look();
    },
    look,
    firings,
    told: async (name) => (await firings(name)).map(line).toReversed(),
    audited: async (action) =>
      (await harness.audit())
        .filter((record) => record.action === action)
        .map(({ actor, details }) => ({ by: actor.id, ...details })),
  };
}

function line({ nominal_at, until_at, count, status }: Firing): string {
  const at = (instant: string): string => instant.slice(11, 16);
  return `${at(nominal_at)}${count === 1 ? '' : `-${at(until_at)} x${count}`} ${status}`;
}

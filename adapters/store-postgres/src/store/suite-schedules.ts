import type { Store } from '@carapulse/operations';
import { PLAN_TRANSITIONS, PlanStatus } from '@carapulse/plan';
import type { Firing, Schedule } from '@carapulse/schedule';
import { describe, expect, test } from 'vitest';
import { id, nextInstant, planRecord, tenant } from '../testing/fixtures.ts';
import { settle, type SuiteSubject } from './suite-subject.ts';

const LONG_AGO = '2000-01-01T00:00:00.000Z';
const FAR = '2100-01-01T00:00:00.000Z';
let minutes = 0;

function schedule(tenantId: string, change: Partial<Schedule> = {}): Schedule {
  const at = nextInstant();
  return {
    schedule_id: id('schedule'),
    tenant_id: tenantId,
    name: 'nightly',
    definition: {
      workflow: 'revert-commit',
      input: { text: 'naughty \u0000 \u202e' },
      reason: 'a trial',
      cron: '* * * * *',
      time_zone: 'UTC',
      jitter_s: 0,
      overlap: 'skip',
      catch_up_window_s: 600,
      catch_up: 'one',
      start_at: null,
      end_at: null,
    },
    paused: null,
    authors: ['user:alice'],
    created_at: at,
    updated_at: at,
    updated_by: 'user:alice',
    decided_until: at,
    next_at: null,
    revision: 1,
    ...change,
  };
}

/** Of a minute of its own, which comes after those of the firings made before. */
function firing(of: Schedule, change: Partial<Firing> = {}): Firing {
  minutes += 1;
  const at = new Date(Date.parse('2026-04-01T00:00:00Z') + minutes * 60_000).toISOString();
  return {
    firing_id: id('firing'),
    schedule_id: of.schedule_id,
    tenant_id: of.tenant_id,
    cause: 'cron',
    requested_by: null,
    nominal_at: at,
    until_at: change.nominal_at ?? at,
    count: 1,
    due_at: at,
    deadline_at: FAR,
    status: 'waiting',
    reason: '',
    plan_id: null,
    attempts: 0,
    look_at: at,
    recorded_at: at,
    ended_at: null,
    ...change,
  };
}

/** Schedules and firings, on whichever store `subject` has opened. */
export function scheduleSuite(subject: SuiteSubject): void {
  const store = (): Store => subject().store;
  const put = async (row: Schedule, ...firings: readonly Firing[]): Promise<void> =>
    store().transaction(async (tx) => {
      await tx.insertSchedule(row);
      for (const each of firings) await tx.insertFiring(each);
    });
  const end = (row: Firing, change: Partial<Firing>) =>
    store().transaction((tx) =>
      tx.updateFiring(row.firing_id, { ...row, ended_at: nextInstant(), ...change }),
    );
  /** A firing whose plan is stored with this status. */
  const planned = async (of: Schedule, status: 'executing' | 'succeeded'): Promise<Firing> => {
    const row = firing(of);
    const plan = planRecord(of.tenant_id, { status });
    await store().transaction(async (tx) => {
      await tx.insertPlan(plan);
      await tx.insertFiring(row);
      await tx.claimFiring(row.firing_id, 1, new Set(), plan.plan.plan_id);
      const { attempts, look_at } = row;
      await tx.updateFiring(row.firing_id, {
        status: 'planned',
        reason: '',
        attempts,
        look_at,
        ended_at: nextInstant(),
      });
    });
    return { ...row, plan_id: plan.plan.plan_id };
  };

  describe('schedules', () => {
    test('one comes back as it was stored, by its name in its tenant only', async () => {
      const row = schedule(tenant(), { next_at: nextInstant() });
      await put(row);
      expect(await store().read.schedule(row.tenant_id, 'nightly')).toEqual(row);
      expect(await store().read.scheduleById(row.schedule_id)).toEqual(row);
      expect(await store().read.schedule(tenant(), 'nightly')).toBeNull();
    });

    test('a name is taken once in a tenant, by whoever asks first', async () => {
      const mine = tenant();
      const results = await settle([1, 2, 3].map(() => put(schedule(mine))));
      expect(results.toSorted()).toEqual(['conflict', 'conflict', 'ok']);
      await put(schedule(tenant()));
    });

    test('lists are newest first and end', async () => {
      const mine = tenant();
      const rows = ['a', 'b', 'c'].map((name) => schedule(mine, { name }));
      for (const row of rows) await put(row);
      const first = await store().read.schedules(mine, { limit: 2, after: null });
      const second = await store().read.schedules(mine, { limit: 2, after: first.next });
      expect([...first.items, ...second.items].map(({ name }) => name)).toEqual(['c', 'b', 'a']);
      expect(second.next).toBeNull();
    });

    test('of two changes of one revision one wins, and how far it is judged moves once from where it was seen', async () => {
      const row = schedule(tenant());
      await put(row);
      const change = { ...row, authors: ['user:alice', 'user:bob'] };
      const results = await settle(
        [1, 2].map(() => store().transaction((tx) => tx.updateSchedule(change, 1))),
      );
      expect(results.toSorted()).toEqual(['conflict', 'ok']);
      const seen = { ...change, revision: 2 };
      const reached = { decided_until: nextInstant(), next_at: nextInstant() };
      const advances = await settle(
        [1, 2].map(() => store().transaction((tx) => tx.advanceSchedule(seen, reached))),
      );
      expect(advances.toSorted()).toEqual(['conflict', 'ok']);
      expect(await store().read.scheduleById(row.schedule_id)).toEqual({ ...seen, ...reached });
      await expect(store().transaction((tx) => tx.advanceSchedule(row, reached))).rejects.toMatchObject({
        code: 'conflict',
      });
      await expect(
        store().transaction((tx) => tx.updateSchedule(schedule(row.tenant_id), 1)),
      ).rejects.toMatchObject({ code: 'not_found' });
    });

    test('due are those whose time has come and those judged beyond the clock', async () => {
      const mine = tenant();
      const row = (name: string, change: Partial<Schedule>) => put(schedule(mine, { name, ...change }));
      await row('later', { next_at: '2001-01-01T00:00:02.000Z', decided_until: LONG_AGO });
      await row('due', { next_at: '2001-01-01T00:00:01.000Z', decided_until: LONG_AGO });
      await row('ended', { next_at: null, decided_until: LONG_AGO });
      await row('ahead', { next_at: FAR, decided_until: '2098-01-01T00:00:00.000Z' });
      const due = await store().read.dueSchedules(
        '2001-01-01T00:00:01.000Z',
        '2097-01-01T00:00:00.000Z',
        1000,
      );
      expect(due.filter(({ tenant_id }) => tenant_id === mine).map(({ name }) => name)).toEqual([
        'due',
        'ahead',
      ]);
    });

    test('one that is deleted is gone with its firings', async () => {
      const row = schedule(tenant());
      const waiting = firing(row);
      await put(row, waiting);
      await expect(store().transaction((tx) => tx.deleteSchedule(row.schedule_id, 2))).rejects.toMatchObject({
        code: 'conflict',
      });
      await store().transaction((tx) => tx.deleteSchedule(row.schedule_id, 1));
      expect(await store().read.firings(row.schedule_id, 10)).toEqual([]);
      expect(
        await store().transaction((tx) => tx.claimFiring(waiting.firing_id, 1, new Set(), 'pl_x')),
      ).toBeNull();
      await expect(store().transaction((tx) => tx.insertFiring(firing(row)))).rejects.toMatchObject({
        code: 'not_found',
      });
    });
  });

  describe('firings', () => {
    test('of one time one waits or has a plan, however many write it at once', async () => {
      const row = schedule(tenant());
      await put(row);
      const nominal_at = '2026-04-01T00:00:00.000Z';
      const write = () => store().transaction((tx) => tx.insertFiring(firing(row, { nominal_at })));
      const results = await Promise.all([write(), write(), write()]);
      expect(results.toSorted()).toEqual(['exists', 'exists', 'inserted']);
      const [only] = await store().read.firings(row.schedule_id, 10);
      if (only === undefined) throw new Error('none was written');
      await end(only, { status: 'refused', reason: 'not now' });
      expect(await write()).toBe('inserted');
      expect(await store().read.firings(row.schedule_id, 10)).toHaveLength(2);
    });

    test('come by their time, the last first, each with what became of its plan', async () => {
      const row = schedule(tenant());
      await put(row);
      const done = await planned(row, 'succeeded');
      const waiting = firing(row);
      await store().transaction((tx) => tx.insertFiring(waiting));
      const firings = await store().read.firings(row.schedule_id, 10);
      expect(firings).toMatchObject([
        { ...waiting, plan_status: null },
        { firing_id: done.firing_id, status: 'planned', plan_id: done.plan_id, plan_status: 'succeeded' },
      ]);
      expect(await store().read.firings(row.schedule_id, 1)).toHaveLength(1);
    });

    test('that wait are looked at when their moment comes, but those of schedules that are under way', async () => {
      const mine = tenant();
      const a = schedule(mine, { name: 'a' });
      const b = schedule(mine, { name: 'b' });
      const first = firing(a);
      const other = firing(b);
      const later = firing(a, { look_at: FAR });
      await put(a, first, later);
      await put(b, other);
      const waiting = async (butOf: readonly string[]) =>
        (await store().read.waitingFirings('2099-01-01T00:00:00.000Z', butOf, 1000))
          .filter(({ tenant_id }) => tenant_id === mine)
          .map(({ firing_id }) => firing_id);
      expect(await waiting([])).toEqual([first.firing_id, other.firing_id]);
      expect(await waiting([a.schedule_id])).toEqual([other.firing_id]);
      await end(first, { status: 'skipped', reason: 'x' });
      expect(await waiting([])).toEqual([other.firing_id]);
    });

    test('a claim is one process’s while it lives, and keeps the plan id that the first one gave', async () => {
      const row = schedule(tenant());
      const waiting = firing(row);
      await put(row, waiting);
      const claim = (process: number, living: readonly number[], planId: string) =>
        store().transaction((tx) => tx.claimFiring(waiting.firing_id, process, new Set(living), planId));
      expect(await claim(1, [1, 2], 'pl_1')).toBe('pl_1');
      expect(await claim(2, [1, 2], 'pl_2')).toBeNull();
      expect(await claim(2, [2], 'pl_2')).toBe('pl_1');
      expect(await claim(1, [1, 2], 'pl_3')).toBeNull();
      await end(waiting, { status: 'failed', reason: 'x' });
      expect(await claim(2, [2], 'pl_2')).toBeNull();
    });

    test('one that has ended stays as it is', async () => {
      const row = schedule(tenant());
      const waiting = firing(row);
      await put(row, waiting);
      await end(waiting, { status: 'skipped', reason: 'it overlaps' });
      await expect(end(waiting, { status: 'failed', reason: 'x' })).rejects.toMatchObject({ code: 'fenced' });
      const { database } = subject();
      if (database === null) return;
      const edit = "update schedule_firings set status = 'waiting', ended_at = null where firing_id = $1";
      await expect(database.pool.query(edit, [waiting.firing_id])).rejects.toThrow('has ended');
    });

    test('times that are missed one after the other for one reason grow one row', async () => {
      const row = schedule(tenant());
      const missed = firing(row, { status: 'missed', reason: 'paused', ended_at: nextInstant() });
      await put(row, missed);
      const extend = (reason: string, until_at: string) =>
        store().transaction((tx) => tx.extendMissed(row.schedule_id, reason, { until_at, count: 2 }));
      expect(await extend('other', FAR)).toBe(false);
      expect(await extend('paused', FAR)).toBe(true);
      expect(await store().read.firings(row.schedule_id, 10)).toMatchObject([
        { firing_id: missed.firing_id, nominal_at: missed.nominal_at, until_at: FAR, count: 3 },
      ]);
      await store().transaction((tx) => tx.insertFiring(firing(row)));
      expect(await extend('paused', FAR)).toBe(false);
    });

    test('a row of missed times that a clock far ahead has written takes none of earlier times', async () => {
      const row = schedule(tenant());
      const ahead = firing(row, {
        status: 'missed',
        reason: 'paused',
        until_at: FAR,
        ended_at: nextInstant(),
      });
      const later = firing(row, { status: 'missed', reason: 'paused', ended_at: nextInstant() });
      await put(row, ahead);
      const extend = (until_at: string) =>
        store().transaction((tx) => tx.extendMissed(row.schedule_id, 'paused', { until_at, count: 1 }));
      expect(await extend(later.nominal_at)).toBe(false);
      expect(await extend(LONG_AGO)).toBe(false);
      await store().transaction((tx) => tx.insertFiring(later));
      expect(await extend('2099-01-01T00:00:00.000Z')).toBe(true);
      expect(await store().read.firings(row.schedule_id, 10)).toMatchObject([
        { firing_id: later.firing_id, until_at: '2099-01-01T00:00:00.000Z', count: 2 },
        { firing_id: ahead.firing_id, until_at: FAR, count: 1 },
      ]);
    });

    test('overlap with an earlier one that waits and is due, or with a plan that has not ended', async () => {
      const row = schedule(tenant());
      await put(row);
      await planned(row, 'succeeded');
      const next = firing(row);
      const over = () => store().read.overlappedFiring(next, '2099-01-01T00:00:00.000Z');
      expect(await over()).toBeNull();
      const jittered = firing(row, { nominal_at: LONG_AGO, due_at: FAR });
      await store().transaction((tx) => tx.insertFiring(jittered));
      expect(await over()).toBeNull();
      const running = await planned(row, 'executing');
      expect(await over()).toMatchObject({ firing_id: running.firing_id, plan_status: 'executing' });
      const other = schedule(row.tenant_id, { name: 'other' });
      await put(other);
      const ofOther = firing(other);
      const earlier = firing(other, { nominal_at: LONG_AGO });
      await store().transaction((tx) => tx.insertFiring(earlier));
      expect(await store().read.overlappedFiring(ofOther, FAR)).toMatchObject({
        firing_id: earlier.firing_id,
        status: 'waiting',
      });
      expect(await store().read.overlappedFiring(earlier, FAR)).toBeNull();
    });

    test('what overlaps is found by indexes, which know each status of a plan that has not ended', async () => {
      const { database } = subject();
      if (database === null) return;
      const sql =
        "select pg_get_indexdef(indexrelid) as text from pg_index where indexrelid = 'plans_open'::regclass";
      const [index] = (await database.pool.query<{ text: string }>(sql)).rows;
      const open = PlanStatus.options.filter((status) => PLAN_TRANSITIONS[status].length > 0);
      const known = (index?.text ?? '').match(/(?<=')\w+(?=')/g) ?? [];
      expect(known.map(String).toSorted()).toEqual(open.toSorted());
    });
  });
}

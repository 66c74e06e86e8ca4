import type { Store } from '@carapulse/operations';
import { describe, expect, test } from 'vitest';
import { approvalRecord, incident, nextInstant, planRecord, tenant } from '../testing/fixtures.ts';
import { settle, type SuiteSubject } from './suite-subject.ts';

/** Plans and approvals, on whichever database `subject` has opened. */
export function planSuite(subject: SuiteSubject): void {
  const store = (): Store => subject().store;

  describe('plans', () => {
    test('a plan comes back as it was stored, whatever text is in it', async () => {
      const tenantId = tenant();
      const record = planRecord(tenantId, {
        plan: { summary: 'naughty \u0000 \ud83d\ude00 \u202e \\u0000 text' },
      });
      await store().transaction((tx) => tx.insertPlan(record));
      expect(await store().read.plan(tenantId, record.plan.plan_id)).toEqual(record);
    });

    test('a plan of another tenant does not exist', async () => {
      const record = planRecord(tenant());
      await store().transaction((tx) => tx.insertPlan(record));
      expect(await store().read.plan(tenant(), record.plan.plan_id)).toBeNull();
    });

    test('what a failed transaction wrote is gone', async () => {
      const tenantId = tenant();
      const record = planRecord(tenantId);
      const failed = store().transaction(async (tx) => {
        await tx.insertPlan(record);
        expect(await tx.plan(tenantId, record.plan.plan_id)).toEqual(record);
        throw new Error('changed my mind');
      });
      await expect(failed).rejects.toMatchObject({
        code: 'internal',
        message: expect.stringContaining('changed my mind'),
      });
      expect(await store().read.plan(tenantId, record.plan.plan_id)).toBeNull();
    });

    test('an update that saw another revision changes nothing and may be tried again', async () => {
      const tenantId = tenant();
      const record = planRecord(tenantId);
      await store().transaction((tx) => tx.insertPlan(record));
      const change = {
        status: 'approved',
        status_reason: 'one approval',
        updated_at: nextInstant(),
      } as const;
      await store().transaction((tx) => tx.updatePlan(record.plan.plan_id, 1, change));
      await expect(
        store().transaction((tx) => tx.updatePlan(record.plan.plan_id, 1, { ...change, status: 'denied' })),
      ).rejects.toMatchObject({ code: 'conflict', retryable: true });
      expect(await store().read.plan(tenantId, record.plan.plan_id)).toEqual({
        ...record,
        ...change,
        revision: 2,
      });
    });

    test('of two updates at once that saw the same revision, one wins', async () => {
      const record = planRecord(tenant());
      await store().transaction((tx) => tx.insertPlan(record));
      const results = await settle(
        (['approved', 'denied', 'cancelled', 'expired'] as const).map((status) =>
          store().transaction((tx) =>
            tx.updatePlan(record.plan.plan_id, 1, { status, status_reason: '', updated_at: nextInstant() }),
          ),
        ),
      );
      expect(results.filter((result) => result === 'ok')).toHaveLength(1);
      expect(results.filter((result) => result === 'conflict')).toHaveLength(3);
    });

    test('an update of a plan that is not there is not_found', async () => {
      const change = { status: 'approved', status_reason: '', updated_at: nextInstant() } as const;
      await expect(store().transaction((tx) => tx.updatePlan('pl_none', 1, change))).rejects.toMatchObject({
        code: 'not_found',
      });
    });

    test('lists are newest first, by page, filtered, and end', async () => {
      const tenantId = tenant();
      const opened = incident(tenantId);
      const records = Array.from({ length: 5 }, (_, index) =>
        planRecord(tenantId, {
          status: index % 2 === 0 ? 'awaiting_approval' : 'succeeded',
          plan: { incident_id: index < 2 ? opened.incident_id : null },
        }),
      );
      await store().transaction(async (tx) => {
        await tx.insertIncident(opened);
        for (const record of records) await tx.insertPlan(record);
      });
      const ids = records.map((record) => record.plan.plan_id).toReversed();
      const first = await store().read.plans(tenantId, {}, { limit: 2, after: null });
      const second = await store().read.plans(tenantId, {}, { limit: 2, after: first.next });
      const third = await store().read.plans(tenantId, {}, { limit: 2, after: second.next });
      expect([first, second, third].flatMap((page) => page.items.map((item) => item.plan.plan_id))).toEqual(
        ids,
      );
      expect(third.next).toBeNull();
      const all = { limit: 10, after: null };
      const done = await store().read.plans(tenantId, { status: ['succeeded'] }, all);
      expect(done.items).toHaveLength(2);
      const ofIncident = await store().read.plans(tenantId, { incident_id: opened.incident_id }, all);
      expect(ofIncident.items).toHaveLength(2);
    });

    test('only plans that wait, and whose instant has come, are due', async () => {
      const tenantId = tenant();
      const soon = planRecord(tenantId, { plan: { expires_at: '2020-01-01T00:00:00.000Z' } });
      const ended = planRecord(tenantId, {
        status: 'succeeded',
        plan: { expires_at: '2020-01-01T00:00:00.000Z' },
      });
      const later = planRecord(tenantId, { plan: { expires_at: '2020-01-03T00:00:00.000Z' } });
      await store().transaction(async (tx) => {
        for (const record of [soon, ended, later]) await tx.insertPlan(record);
      });
      const due = await store().read.duePlans('2020-01-02T00:00:00.000Z', 10);
      expect(due.filter((record) => record.tenant_id === tenantId)).toEqual([soon]);
    });

    test('the database refuses an edit of a frozen plan', async ({ skip }) => {
      const { database } = subject();
      if (database === null) return skip('no SQL');
      const record = planRecord(tenant());
      await store().transaction((tx) => tx.insertPlan(record));
      const id = record.plan.plan_id;
      await expect(
        database.pool.query("update plans set document = '{}' where plan_id = $1", [id]),
      ).rejects.toThrow('is frozen');
      await expect(database.pool.query('delete from plans where plan_id = $1', [id])).rejects.toThrow(
        'append-only',
      );
      await expect(
        database.pool.query("update plans set status = 'nonsense' where plan_id = $1", [id]),
      ).rejects.toThrow('check constraint');
    });
  });

  describe('approvals', () => {
    test('an approval is bound to the hash of the stored plan', async () => {
      const plan = planRecord(tenant());
      await store().transaction((tx) => tx.insertPlan(plan));
      const other = { ...plan, plan: { ...plan.plan, plan_hash: `sha256:${'0'.repeat(64)}` } };
      await expect(
        store().transaction((tx) => tx.insertApproval(approvalRecord(other, 'user:bob'))),
      ).rejects.toMatchObject({ code: 'not_found' });
      const approval = approvalRecord(plan, 'user:bob');
      await store().transaction((tx) => tx.insertApproval(approval));
      expect(await store().read.approvals(plan.plan.plan_id)).toEqual([approval]);
    });

    test('one person approves a plan once, however often they press the button at once', async () => {
      const plan = planRecord(tenant());
      await store().transaction((tx) => tx.insertPlan(plan));
      const results = await settle(
        Array.from({ length: 4 }, () =>
          store().transaction((tx) => tx.insertApproval(approvalRecord(plan, 'user:bob'))),
        ),
      );
      expect(results.filter((result) => result === 'ok')).toHaveLength(1);
      expect(results.filter((result) => result === 'conflict')).toHaveLength(3);
      await store().transaction((tx) => tx.insertApproval(approvalRecord(plan, 'user:bob', 'deny')));
      await store().transaction((tx) => tx.insertApproval(approvalRecord(plan, 'user:eve')));
      expect(await store().read.approvals(plan.plan.plan_id)).toHaveLength(3);
    });

    test('a statement is not used twice, not even after it was revoked', async () => {
      const plan = planRecord(tenant());
      const approval = approvalRecord(plan, 'user:bob');
      await store().transaction(async (tx) => {
        await tx.insertPlan(plan);
        await tx.insertApproval(approval);
        await tx.revokeApproval(approval.approval_id, 'user:eve', nextInstant());
      });
      const again = { ...approval, approval_id: approvalRecord(plan, 'user:bob').approval_id };
      await expect(store().transaction((tx) => tx.insertApproval(again))).rejects.toMatchObject({
        code: 'conflict',
      });
      await expect(
        store().transaction((tx) => tx.revokeApproval(approval.approval_id, 'user:eve', nextInstant())),
      ).rejects.toMatchObject({ code: 'conflict' });
      const [stored] = await store().read.approvals(plan.plan.plan_id);
      expect(stored?.revoked_by).toBe('user:eve');
    });
  });
}

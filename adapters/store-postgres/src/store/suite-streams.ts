import type { Store } from '@carapulse/operations';
import { describe, expect, test } from 'vitest';
import { alert, incident, investigation, nextAudit, nextInstant, tenant } from '../testing/fixtures.ts';
import { settle, type SuiteSubject } from './suite-subject.ts';

/** Incidents, audit and events, on whichever database `subject` has opened. */
export function streamSuite(subject: SuiteSubject): void {
  const store = (): Store => subject().store;

  describe('incidents', () => {
    test('alerts of one group at once open one incident', async () => {
      const tenantId = tenant();
      const results = await settle(
        Array.from({ length: 6 }, () =>
          store().transaction(async (tx) => {
            const open =
              (await tx.openIncidentByGroup(tenantId, 'shop/errors')) ??
              incident(tenantId, { group_key: 'shop/errors' });
            if (open.revision === 1 && (await tx.incident(tenantId, open.incident_id)) === null)
              await tx.insertIncident(open);
            await tx.upsertAlert(alert(open, { fingerprint: 'f1' }));
          }),
        ),
      );
      expect(results).toEqual(Array.from({ length: 6 }, () => 'ok'));
      const { items } = await store().read.incidents(tenantId, null, { limit: 10, after: null });
      expect(items).toHaveLength(1);
      const alerts = await store().read.alerts(items[0]?.incident_id ?? '');
      expect(alerts.map((row) => row.deliveries)).toEqual([6]);
    });

    test('a second open incident of a group is refused by the database, one after a closed one is not', async () => {
      const tenantId = tenant();
      const first = incident(tenantId, { group_key: 'k'.repeat(1000) });
      const second = incident(tenantId, { group_key: first.group_key });
      await store().transaction((tx) => tx.insertIncident(first));
      await expect(store().transaction((tx) => tx.insertIncident(second))).rejects.toMatchObject({
        code: 'conflict',
        retryable: true,
      });
      await store().transaction((tx) => tx.updateIncident({ ...first, status: 'closed' }, 1));
      await store().transaction((tx) => tx.insertIncident(second));
      const found = await store().transaction((tx) => tx.openIncidentByGroup(tenantId, first.group_key));
      expect(found).toEqual(second);
      expect(await store().read.incidents(tenantId, ['closed'], { limit: 10, after: null })).toEqual({
        items: [{ ...first, status: 'closed', revision: 2 }],
        next: null,
      });
    });

    test('an update that saw another revision is refused', async () => {
      const opened = incident(tenant());
      await store().transaction((tx) => tx.insertIncident(opened));
      await store().transaction((tx) => tx.updateIncident({ ...opened, title: 'new' }, 1));
      await expect(store().transaction((tx) => tx.updateIncident(opened, 1))).rejects.toMatchObject({
        code: 'conflict',
        retryable: true,
      });
    });

    test('a late delivery counts, but does not bring an older status back', async () => {
      const opened = incident(tenant());
      const firing = alert(opened);
      const resolved = alert(opened, {
        fingerprint: firing.fingerprint,
        status: 'resolved',
        ends_at: nextInstant(),
      });
      const outcomes = await store().transaction(async (tx) => {
        await tx.insertIncident(opened);
        return [await tx.upsertAlert(firing), await tx.upsertAlert(resolved), await tx.upsertAlert(firing)];
      });
      expect(outcomes).toEqual(['inserted', 'updated', 'updated']);
      expect(await store().read.alerts(opened.incident_id)).toEqual([
        { ...resolved, alert_id: firing.alert_id, deliveries: 3 },
      ]);
    });

    test('labels of any content and length are kept', async () => {
      const opened = incident(tenant(), { group_key: 'nul \0 key', service: 's'.repeat(253) });
      const odd = alert(opened, { fingerprint: '\0', labels: { a: '\0', b: 'x'.repeat(10_000) } });
      await store().transaction(async (tx) => {
        await tx.insertIncident(opened);
        await tx.upsertAlert(odd);
      });
      expect(await store().read.alerts(opened.incident_id)).toEqual([odd]);
      const found = await store().transaction((tx) => tx.openIncidentByGroup(opened.tenant_id, 'nul \0 key'));
      expect(found).toEqual(opened);
    });

    test('investigations wait in order, and leave the queue when they have ended', async () => {
      const opened = incident(tenant());
      const first = investigation(opened);
      const second = investigation(opened);
      await store().transaction(async (tx) => {
        await tx.insertIncident(opened);
        await tx.insertInvestigation(second);
        await tx.insertInvestigation(first);
      });
      const mine = async () =>
        (await store().read.queuedInvestigations(1000)).filter(
          (row) => row.incident_id === opened.incident_id,
        );
      expect(await mine()).toEqual([first, second]);
      const running = { ...first, status: 'running' as const, started_at: nextInstant() };
      await store().transaction((tx) => tx.updateInvestigation(running));
      expect(await mine()).toEqual([running, second]);
      const ended = { ...second, status: 'abstained' as const, ended_at: nextInstant() };
      await store().transaction((tx) => tx.updateInvestigation(ended));
      expect(await mine()).toEqual([running]);
      expect(await store().read.investigations(opened.incident_id)).toEqual([running, ended]);
    });
  });

  describe('streams', () => {
    test('audit and events at once are dense and chained in commit order', async () => {
      const tenantId = tenant();
      const before = await store().read.auditHead();
      const stop: string[] = [];
      await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          store()
            .transaction(async (tx) => {
              await tx.appendAudit(nextAudit(tenantId, `action.${index}`));
              await tx.appendEvent({
                tenant_id: tenantId,
                type: 'audit.created',
                subject_id: `${index}`,
                at: nextInstant(),
                data: {},
              });
              if (index % 5 === 0) throw new Error('rolled back');
            })
            .catch(() => stop.push('rolled back')),
        ),
      );
      expect(stop).toHaveLength(4);
      const audit = await store().read.audit(null, before.seq, 100);
      expect(audit.map((row) => row.seq)).toEqual(
        Array.from({ length: 16 }, (_, index) => before.seq + index + 1),
      );
      for (const [index, row] of audit.entries()) {
        const previous = index === 0 ? before.mac : audit[index - 1]?.mac;
        expect(JSON.parse(row.record)).toMatchObject({ prev: previous });
      }
      const events = await store().read.events(tenantId, 0, 100);
      expect(events.map((row) => `action.${row.subject_id}`)).toEqual(audit.map((row) => row.action));
      const numbers = events.map((row) => row.seq);
      expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index));
      expect(await store().read.auditHead()).toEqual({ seq: audit.at(-1)?.seq, mac: audit.at(-1)?.mac });
    });

    test('audit and events cannot be changed, removed, or numbered by hand', async ({ skip }) => {
      const { database } = subject();
      if (database === null) return skip('no SQL');
      const tenantId = tenant();
      await store().transaction((tx) => tx.appendAudit(nextAudit(tenantId, 'x')));
      const query = (text: string) => database.pool.query(text);
      for (const statement of [
        "update audit_events set action = 'y'",
        'delete from audit_events',
        'truncate audit_events',
        "update events set data = '{}'",
        'delete from events',
        "insert into audit_events values (999999, 't', now(), 'a', 'b', 'c', 'd', 'e')",
        "insert into events values (999999, 't', 'audit.created', 's', now(), '{}')",
      ]) {
        await expect(query(statement)).rejects.toThrow(/append-only|is not the head/);
      }
    });

    test('a chain that does not continue the head is refused', async () => {
      const tenantId = tenant();
      await expect(
        store().transaction((tx) =>
          tx.appendAudit((head) => ({ ...nextAudit(tenantId, 'x')(head), seq: head.seq + 2 })),
        ),
      ).rejects.toMatchObject({ code: 'internal' });
    });

    test('audit is searched by exact filters, newest first, by page', async () => {
      const tenantId = tenant();
      await store().transaction(async (tx) => {
        for (const action of ['a', 'b', 'a', 'a'])
          await tx.appendAudit(nextAudit(tenantId, action, `s-${action}`));
      });
      const first = await store().read.auditSearch(tenantId, { action: 'a' }, { limit: 2, after: null });
      const rest = await store().read.auditSearch(
        tenantId,
        { action: 'a', subject_id: 's-a' },
        { limit: 2, after: first.next },
      );
      const seqs = [...first.items, ...rest.items].map((row) => row.seq);
      expect(seqs).toHaveLength(3);
      expect(seqs).toEqual(seqs.toSorted((a, b) => b - a));
      expect(rest.next).toBeNull();
      await expect(
        store().read.auditSearch(tenantId, {}, { limit: 2, after: "1' or 1=1" }),
      ).rejects.toMatchObject({
        code: 'invalid_input',
      });
    });

    test('listeners hear of events and logs after the commit, and not after a rollback', async () => {
      const tenantId = tenant();
      const heard = Promise.withResolvers<number>();
      const types: unknown[] = [];
      const unsubscribe = store().onEvents((type) => {
        types.push(type);
        void store()
          .read.events(tenantId, 0, 10)
          .then((rows) => rows.length > 0 && heard.resolve(rows.length));
      });
      const event = {
        tenant_id: tenantId,
        type: 'plan.updated',
        subject_id: 's',
        at: nextInstant(),
        data: { a: [1] },
      } as const;
      await store()
        .transaction(async (tx) => {
          await tx.appendEvent(event);
          throw new Error('rolled back');
        })
        .catch(() => null);
      await store().transaction(async (tx) => {
        await tx.appendEvent(event);
        await tx.appendEvent(event);
      });
      expect(await heard.promise).toBe(2);
      expect(types).toEqual(['plan.updated']);
      unsubscribe();
    });
  });
}

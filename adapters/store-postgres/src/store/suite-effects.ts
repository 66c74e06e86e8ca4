import { heldStore, type Store, type StoreTransaction } from '@carapulse/operations';
import { describe, expect, test } from 'vitest';
import {
  executionRecord,
  incident,
  investigation,
  nextInstant,
  planRecord,
  tenant,
  toolCall,
} from '../testing/fixtures.ts';
import { settle, type SuiteSubject } from './suite-subject.ts';

/** Leases, fencing, idempotency, tool calls, playbooks and the transaction itself. */
export function effectSuite(subject: SuiteSubject): void {
  const store = (): Store => subject().store;

  describe('leases', () => {
    const now = '2026-01-01T00:00:00.000Z';
    const later = '2026-01-01T00:01:00.000Z';
    const acquire = (
      targets: readonly string[],
      holder: string,
      at = now,
      until = later,
      epoch = Number.MAX_SAFE_INTEGER,
    ) => store().transaction((tx) => tx.acquireLeases(targets, holder, epoch, at, until));

    test('of holders that want the same targets at once in any order, one has all of them', async () => {
      const name = tenant();
      const targets = ['a', 'b', 'c'].map((part) => `${name}/${part}`);
      const results = await settle(
        Array.from({ length: 6 }, (_, index) =>
          acquire(index % 2 === 0 ? targets : targets.toReversed(), `${name}-${index}`),
        ),
      );
      expect(results.filter((result) => result === 'ok')).toHaveLength(1);
      expect(results.filter((result) => result === 'lease_held')).toHaveLength(5);
      const held = (await store().read.leases()).filter((lease) => lease.target.startsWith(name));
      expect(held.map((lease) => lease.target)).toEqual(targets);
      expect(new Set(held.map((lease) => lease.holder)).size).toBe(1);
    });

    test('a lease that is held takes none of the others with it, even if the caller goes on', async () => {
      const name = tenant();
      await acquire([`${name}/b`], `${name}-1`);
      await store().transaction(async (tx) => {
        await expect(
          tx.acquireLeases([`${name}/a`, `${name}/b`], `${name}-2`, Number.MAX_SAFE_INTEGER, now, later),
        ).rejects.toMatchObject({ code: 'lease_held', message: expect.stringContaining(`${name}-1`) });
      });
      const held = (await store().read.leases()).filter((lease) => lease.target.startsWith(name));
      expect(held.map((lease) => lease.target)).toEqual([`${name}/b`]);
    });

    test('a lease is taken again by its holder, by another once it has expired, and given back', async () => {
      const name = tenant();
      await acquire([name], 'one', now, later);
      await acquire([name], 'one', now, later);
      await expect(acquire([name], 'two', now)).rejects.toMatchObject({
        code: 'lease_held',
        retryable: true,
      });
      await acquire([name], `${name}-two`, later, '2026-01-01T00:02:00.000Z');
      const renewed = await store().transaction((tx) =>
        tx.renewLeases(`${name}-two`, '2026-01-01T00:03:00.000Z'),
      );
      expect(renewed).toBe(1);
      await store().transaction((tx) => tx.releaseLeases(`${name}-two`));
      expect((await store().read.leases()).filter((lease) => lease.target === name)).toEqual([]);
    });

    test('a lease that has run out stays with a run that has not ended, and is free once it has', async () => {
      const plan = planRecord(tenant());
      const run = executionRecord(plan);
      await store().transaction(async (tx) => {
        await tx.insertPlan(plan);
        await tx.insertExecution(run);
      });
      await acquire([plan.tenant_id], run.execution_id);
      await expect(acquire([plan.tenant_id], 'two', '2026-01-02T00:00:00.000Z')).rejects.toMatchObject({
        code: 'lease_held',
      });
      await store().transaction((tx) => tx.updateExecution(run.execution_id, 1, { ended_at: nextInstant() }));
      await acquire([plan.tenant_id], 'two', '2026-01-02T00:00:00.000Z');
    });

    test('no two processes have one number', async () => {
      const numbers = await Promise.all(
        Array.from({ length: 5 }, () => store().transaction((tx) => tx.claimEpoch())),
      );
      expect(new Set(numbers).size).toBe(5);
    });

    test('a hold of a run writes until a newer one has begun to, and nothing more', async () => {
      const { execution_id: run } = await anExecution();
      const [first, second] = [1, 2].map((epoch) => heldStore(store(), run, epoch)) as [Store, Store];
      const write = (by: Store) => by.transaction((tx) => tx.acquireLeases([run], run, 1, now, later));
      expect(await store().read.runEpoch(run)).toBe(0);
      await write(first);
      await write(first);
      await second.transaction((tx) => tx.releaseLeases(run));
      expect(await store().read.runEpoch(run)).toBe(2);
      await expect(write(first)).rejects.toMatchObject({ code: 'fenced' });
      expect((await store().read.leases()).filter(({ target }) => target === run)).toEqual([]);
      await write(second);
      await expect(heldStore(store(), 'ex_none', 1).transaction(async () => null)).rejects.toMatchObject({
        code: 'not_found',
      });
      expect(await store().read.runEpoch('ex_none')).toBeNull();
    });

    test('a hold begins to write after what the one before has begun to write, not in between', async ({
      skip,
    }) => {
      if (subject().database?.kind !== 'postgres') return skip('one session');
      const { execution_id: run } = await anExecution();
      const order: string[] = [];
      const [begun, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const writing = heldStore(store(), run, 1).transaction(async (tx) => {
        begun.resolve();
        await goOn.promise;
        await tx.updateExecution(run, 1, { status_reason: 'first' });
        order.push('first');
      });
      await begun.promise;
      const next = heldStore(store(), run, 2).transaction(async () => void order.push('second'));
      await expect.poll(waiting, { timeout: 60_000 }).toBe(1);
      goOn.resolve();
      await Promise.all([writing, next]);
      expect(order).toEqual(['first', 'second']);
    });

    test('an investigation is conducted by one process, and by another only once that is dead', async () => {
      const of = incident(tenant());
      const queued = investigation(of);
      const id = queued.investigation_id;
      await store().transaction(async (tx) => {
        await tx.insertIncident(of);
        await tx.insertInvestigation(queued);
      });
      const claim = (process: number, ...living: number[]) =>
        store().transaction((tx) => tx.claimInvestigation(id, process, new Set(living)));
      const both = await Promise.all([claim(1, 1, 2), claim(2, 1, 2)]);
      expect(both.filter(Boolean)).toHaveLength(1);
      const [winner, loser] = both[0] ? [1, 2] : [2, 1];
      expect([await claim(winner), await claim(loser, winner), await claim(loser, loser)]).toEqual([
        true,
        false,
        true,
      ]);
      expect(await claim(winner, loser)).toBe(false);
      const at = nextInstant();
      await store().transaction((tx) =>
        tx.updateInvestigation({ ...queued, status: 'abstained', started_at: at, ended_at: at }),
      );
      expect([await claim(winner), await claim(loser)]).toEqual([false, false]);
    });

    test('of transactions that want to be alone under one name the second begins after the first', async ({
      skip,
    }) => {
      if (subject().database?.kind !== 'postgres') return skip('one session');
      const name = tenant();
      const order: string[] = [];
      const [begun, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const first = store().transaction(async (tx) => {
        await tx.alone(name);
        begun.resolve();
        await goOn.promise;
        order.push('first');
      });
      await begun.promise;
      const second = store().transaction(async (tx) => {
        await tx.alone(name);
        order.push('second');
      });
      await store().transaction((tx) => tx.alone(`${name}-other`));
      await expect.poll(waiting, { timeout: 60_000 }).toBe(1);
      goOn.resolve();
      await Promise.all([first, second]);
      expect(order).toEqual(['first', 'second']);
    });

    async function anExecution() {
      const plan = planRecord(tenant());
      const run = executionRecord(plan);
      await store().transaction(async (tx) => {
        await tx.insertPlan(plan);
        await tx.insertExecution(run);
      });
      return run;
    }

    /** How many sessions of this database wait for a lock. */
    async function waiting(): Promise<number> {
      const sql =
        "select count(*)::int as waiting from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
      const { rows } = (await subject().database?.pool.query<{ waiting: number }>(sql)) ?? { rows: [] };
      return rows[0]?.waiting ?? 0;
    }

    test('the database refuses a falling epoch', async ({ skip }) => {
      const { database } = subject();
      if (database === null) return skip('no SQL');
      await expect(database.pool.query('update fencing set epoch = epoch - 1')).rejects.toThrow(
        'cannot become',
      );
    });
  });

  describe('idempotency', () => {
    const claim = (principal: string, key: string, digest = 'd', epoch = 7, living: readonly number[] = []) =>
      store().transaction((tx) =>
        tx.claimIdempotency(
          {
            principal,
            key,
            request_digest: digest,
            response: null,
            epoch,
            acted: false,
            created_at: nextInstant(),
          },
          new Set(living),
        ),
      );
    const held = (principal: string, epoch = 7) => ({ principal, key: 'k', epoch });
    const response = { status: 201, headers: { location: '/x' }, body: { a: [1, null] } };

    test('of requests at once with one key, one is new; the others see it running, then its response', async () => {
      const principal = tenant();
      const outcomes = await Promise.all(Array.from({ length: 5 }, () => claim(principal, 'k')));
      expect(outcomes.filter((outcome) => outcome.kind === 'new')).toHaveLength(1);
      await store().transaction((tx) => tx.completeIdempotency(held(principal), response));
      expect(await claim(principal, 'k', 'other')).toMatchObject({
        kind: 'known',
        record: { principal, request_digest: 'd', response },
      });
      await expect(
        store().transaction((tx) => tx.completeIdempotency(held(principal), response)),
      ).rejects.toMatchObject({ code: 'conflict' });
      await store().transaction((tx) => tx.releaseIdempotency(held(principal)));
      expect((await claim(principal, 'k')).kind).toBe('known');
    });

    test('a key that was given back is new again, and is the principal’s own', async () => {
      const principal = tenant();
      await claim(principal, 'k');
      await store().transaction((tx) => tx.releaseIdempotency(held(principal)));
      expect(await claim(principal, 'k')).toEqual({ kind: 'new' });
      expect(await claim(tenant(), 'k')).toEqual({ kind: 'new' });
      await expect(claim(principal, 'nul \0')).rejects.toMatchObject({ code: 'invalid_input' });
    });

    test('a key that a process left before it acted is the same request’s again, once, when that is dead', async () => {
      const principal = tenant();
      await claim(principal, 'k');
      expect(await claim(principal, 'k', 'other', 8)).toMatchObject({ record: { epoch: 7 } });
      expect(await claim(principal, 'k', 'd', 6, [7])).toMatchObject({ kind: 'known', record: { epoch: 7 } });
      const outcomes = await Promise.all(Array.from({ length: 4 }, () => claim(principal, 'k', 'd', 6)));
      expect(outcomes.filter(({ kind }) => kind === 'new')).toHaveLength(1);
      for (const work of ['actIdempotency', 'completeIdempotency'] as const)
        await expect(store().transaction((tx) => tx[work](held(principal), response))).rejects.toMatchObject({
          code: work === 'actIdempotency' ? 'fenced' : 'conflict',
        });
      await store().transaction((tx) => tx.releaseIdempotency(held(principal)));
      expect(await claim(principal, 'k', 'd', 7, [6])).toMatchObject({ record: { epoch: 6 } });
    });

    test('a key under which something was done is never new again, by a crash or by being given back', async () => {
      const principal = tenant();
      await claim(principal, 'k');
      await store().transaction((tx) => tx.actIdempotency(held(principal)));
      expect(await claim(principal, 'k', 'd', 8)).toMatchObject({ record: { acted: true, epoch: 7 } });
      await store().transaction((tx) => tx.releaseIdempotency(held(principal)));
      expect(await claim(principal, 'k', 'd', 8)).toMatchObject({ record: { acted: true, epoch: 0 } });
    });
  });

  describe('tool calls', () => {
    test('a call is begun once, ended, and forgotten when asked', async () => {
      const call = toolCall();
      const outcomes = await Promise.all(
        Array.from({ length: 4 }, () => store().transaction((tx) => tx.insertToolCall(call))),
      );
      expect(outcomes.toSorted()).toEqual(['exists', 'exists', 'exists', 'inserted']);
      const change = {
        state: 'done',
        response: { changed: ['x'] },
        code: null,
        ended_at: nextInstant(),
      } as const;
      await store().transaction((tx) => tx.updateToolCall(call.key, 7, change));
      expect(await store().read.toolCall(call.key)).toEqual({ ...call, ...change });
      await store().transaction((tx) => tx.deleteToolCall(call.key, 7));
      expect(await store().read.toolCall(call.key)).toBeNull();
    });

    test('a call is ended by the process that carries it out, and moves to another only from that one', async () => {
      const call = toolCall();
      const change = { state: 'failed', response: null, code: 'timeout', ended_at: nextInstant() } as const;
      const tx = <T>(work: (tx: StoreTransaction) => Promise<T>): Promise<T> => store().transaction(work);
      await tx((each) => each.insertToolCall(call));
      const fenced = { code: 'fenced' };
      await expect(tx((each) => each.updateToolCall(call.key, 8, change))).rejects.toMatchObject(fenced);
      await expect(tx((each) => each.deleteToolCall(call.key, 8))).rejects.toMatchObject(fenced);
      expect(await tx((each) => each.moveToolCall(call.key, 8, 9))).toBe(false);
      expect(await tx((each) => each.moveToolCall(call.key, 7, 8))).toBe(true);
      await expect(tx((each) => each.deleteToolCall(call.key, 7))).rejects.toMatchObject(fenced);
      expect(await store().read.toolCall(call.key)).toEqual({ ...call, process: 8 });
      await tx((each) => each.updateToolCall(call.key, 8, { ...change, state: 'done', code: null }));
      expect(await tx((each) => each.moveToolCall(call.key, 8, 9))).toBe(false);
    });
  });

  describe('playbooks and transactions', () => {
    test('a playbook is replaced by name', async () => {
      const record = {
        name: 'revert',
        tenant_id: tenant(),
        digest: 'd1',
        source: 'name: revert',
        document: { steps: [] },
        enabled: true,
        updated_at: nextInstant(),
      };
      await store().transaction((tx) => tx.upsertPlaybook(record));
      await store().transaction((tx) => tx.upsertPlaybook({ ...record, digest: 'd2', enabled: false }));
      expect(await store().read.playbooks(record.tenant_id)).toEqual([
        { ...record, digest: 'd2', enabled: false },
      ]);
    });

    test('reading outside a transaction while inside it fails at once instead of waiting for itself', async () => {
      await expect(store().transaction(() => store().read.leases())).rejects.toMatchObject({
        code: 'internal',
      });
      await expect(
        store().transaction(() => store().transaction(() => Promise.resolve())),
      ).rejects.toMatchObject({
        code: 'internal',
      });
      expect(await store().read.leases()).toBeInstanceOf(Array);
    });

    test('a transaction that has ended cannot be used', async () => {
      const kept = await store().transaction((tx) => Promise.resolve({ tx }));
      await expect(kept.tx.insertPlan(planRecord(tenant()))).rejects.toMatchObject({ code: 'internal' });
    });

    test('ping answers', async () => {
      await expect(store().ping(AbortSignal.timeout(10_000))).resolves.toBeUndefined();
      await expect(store().ping(AbortSignal.abort())).rejects.toMatchObject({ code: 'cancelled' });
    });
  });
}

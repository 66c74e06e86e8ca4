import type { ExecutionRecord } from '@carapulse/operations';
import type { Store } from '@carapulse/operations';
import { describe, expect, test } from 'vitest';
import {
  executionRecord,
  incident,
  investigation,
  nextAudit,
  nextInstant,
  planRecord,
  tenant,
  toolCall,
} from '../testing/fixtures.ts';
import { settle, type SuiteSubject } from './suite-subject.ts';

/** Executions and their evidence, on whichever database `subject` has opened. */
const STEERING: NonNullable<ExecutionRecord['steering']> = {
  held: { kind: 'paused', by: 'user:bob', reason: 'look', at_ms: 1 },
  stopping: false,
  undecided: [],
  steps: [],
  skippable_checks: [],
  skipped: [],
  deadline_ms: null,
};

export function executionSuite(subject: SuiteSubject): void {
  const store = (): Store => subject().store;

  describe('executions', () => {
    async function started() {
      const plan = planRecord(tenant());
      const execution = executionRecord(plan);
      await store().transaction(async (tx) => {
        await tx.insertPlan(plan);
        await tx.insertExecution(execution);
      });
      return { plan, execution };
    }

    test('an execution and its dispatch are stored together; the dispatch is done once', async () => {
      const { plan, execution } = await started();
      expect(await store().read.execution(plan.tenant_id, execution.execution_id)).toEqual(execution);
      expect(await store().read.executionOfPlan(plan.plan.plan_id)).toEqual(execution);
      const mine = { execution_id: execution.execution_id, plan_id: execution.plan_id };
      expect(await store().read.pendingDispatches(1000)).toContainEqual(mine);
      await store().transaction((tx) => tx.completeDispatch(execution.execution_id, nextInstant()));
      expect(await store().read.pendingDispatches(1000)).not.toContainEqual(mine);
    });

    test('a plan runs once, even when two start it at once', async () => {
      const plan = planRecord(tenant());
      await store().transaction((tx) => tx.insertPlan(plan));
      const results = await settle(
        Array.from({ length: 4 }, () =>
          store().transaction((tx) => tx.insertExecution(executionRecord(plan))),
        ),
      );
      expect(results.filter((result) => result === 'ok')).toHaveLength(1);
      expect(results.filter((result) => result === 'conflict')).toHaveLength(3);
      const pending = await store().read.pendingDispatches(1000);
      expect(pending.filter((row) => row.plan_id === plan.plan.plan_id)).toHaveLength(1);
    });

    test('an update keeps what it does not name', async () => {
      const { plan, execution } = await started();
      const at = nextInstant();
      await store().transaction((tx) =>
        tx.updateExecution(execution.execution_id, 1, {
          status: 'running',
          started_at: at,
          epoch: 3,
          steering: STEERING,
        }),
      );
      await expect(
        store().transaction((tx) => tx.updateExecution(execution.execution_id, 1, { status: 'failed' })),
      ).rejects.toMatchObject({ code: 'conflict', retryable: true });
      expect(await store().read.execution(plan.tenant_id, execution.execution_id)).toEqual({
        ...execution,
        steering: STEERING,
        status: 'running',
        started_at: at,
        epoch: 3,
        revision: 2,
      });
    });

    test('log lines are dense and whole, whoever writes at once', async () => {
      const { execution } = await started();
      const line = (text: string) => ({ at: nextInstant(), step_id: null, stream: 'stdout', text }) as const;
      await Promise.all(
        Array.from({ length: 10 }, (_, writer) =>
          store().transaction((tx) =>
            tx.appendLogs(execution.execution_id, [line(`${writer}a`), line(`${writer}b`)]),
          ),
        ),
      );
      const logs = await store().read.logs(execution.execution_id, 0, 100);
      expect(logs.map((row) => row.seq)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
      for (let at = 0; at < 20; at += 2) {
        expect(logs[at + 1]?.text).toBe(logs[at]?.text.replace('a', 'b'));
      }
      expect(await store().read.logs(execution.execution_id, 18, 100)).toEqual(logs.slice(18));
      await store().transaction((tx) => tx.appendLogs(execution.execution_id, [line('nul \0 byte')]));
      expect((await store().read.logs(execution.execution_id, 20, 1))[0]?.text).toBe('nul \uFFFD byte');
    });

    test('a follower of logs is told which execution has more, after the commit', async () => {
      const { execution } = await started();
      const told = Promise.withResolvers<number>();
      const unsubscribe = store().onLogs((executionId) => {
        if (executionId !== execution.execution_id) return;
        void store()
          .read.logs(executionId, 0, 10)
          .then((rows) => told.resolve(rows.length));
      });
      const line = { at: nextInstant(), step_id: null, stream: 'event', text: 'x' } as const;
      await store().transaction((tx) => tx.appendLogs(execution.execution_id, [line]));
      expect(await told.promise).toBe(1);
      unsubscribe();
    });

    test('steps keep the order in which they were first written, checks are all kept', async () => {
      const { execution } = await started();
      const step = (step_id: string, status: 'pending' | 'succeeded') => ({
        execution_id: execution.execution_id,
        step_id,
        status,
        attempts: 0,
        started_at: null,
        ended_at: null,
        detail: '',
        evidence_id: null,
        retry_at: null,
      });
      const check = (verdict: 'failed' | 'passed') => ({
        execution_id: execution.execution_id,
        check_id: 'healthy',
        step_id: null,
        phase: 'after' as const,
        verdict,
        at: nextInstant(),
        detail: '',
        evidence_id: null,
      });
      const checks = [check('failed'), check('passed')];
      await store().transaction(async (tx) => {
        for (const name of ['z', 'a']) await tx.upsertStep(step(name, 'pending'));
        await tx.upsertStep(step('z', 'succeeded'));
        for (const record of checks) await tx.insertCheck(record);
      });
      expect(await store().read.steps(execution.execution_id)).toEqual([
        step('z', 'succeeded'),
        step('a', 'pending'),
      ]);
      expect(await store().read.checks(execution.execution_id)).toEqual(checks);
    });

    test('automated writes are counted by what they touch, by time, and without those that a person asked for', async () => {
      const tenantId = tenant();
      const since = nextInstant();
      const origins = [
        { trigger: 'alert', planner: 'playbook' },
        { trigger: 'manual', planner: 'playbook' },
        { trigger: 'alert', planner: 'break_glass' },
      ] as const;
      await store().transaction(async (tx) => {
        for (const { trigger, planner } of origins) {
          const plan = planRecord(tenantId, {
            plan: {
              trigger: { kind: trigger, ref: null },
              origin: { planner, name: 'n', digest: 'd', because: [] },
              blast_radius: {
                kind: 'known',
                resources: ['service:shop', 'repo:shop'],
                dependents: ['service:web'],
              },
            },
          });
          const execution = executionRecord(plan);
          await tx.insertPlan(plan);
          await tx.insertExecution(execution);
          const call = { execution_id: execution.execution_id };
          await tx.insertToolCall(toolCall(call));
          await tx.insertToolCall(toolCall({ ...call, kind: 'read' }));
          await tx.insertToolCall(toolCall({ ...call, begun_at: '2020-01-01T00:00:00.000Z' }));
        }
      });
      expect(await store().read.automatedWritesSince(tenantId, 'service:shop', since)).toBe(1);
      expect(await store().read.automatedWritesSince(tenantId, 'service:web', since)).toBe(0);
      expect(await store().read.automatedWritesSince(tenant(), 'service:shop', since)).toBe(0);
    });
  });

  describe('evidence', () => {
    test('evidence is found by investigation, never changed, and never without an owner', async () => {
      const tenantId = tenant();
      const opened = incident(tenantId);
      const looked = investigation(opened);
      const evidence = {
        evidence_id: `ev_${tenantId}`,
        tenant_id: tenantId,
        execution_id: null,
        investigation_id: looked.investigation_id,
        plan_id: null,
        kind: 'log',
        source: { tool: 'git', action: 'log', target: 'shop' },
        object_key: `evidence/${tenantId}.json`,
        sha256: 'a'.repeat(64),
        bytes: 5_000_000_000,
        collected_at: nextInstant(),
      };
      await store().transaction(async (tx) => {
        await tx.insertIncident(opened);
        await tx.insertInvestigation(looked);
        await tx.insertEvidence(evidence);
        await tx.appendAudit(nextAudit(tenantId, 'evidence.added'));
      });
      expect(await store().read.evidence({ investigationId: looked.investigation_id })).toEqual([evidence]);
      expect(await store().read.evidenceById(evidence.evidence_id)).toEqual(evidence);
      const { database } = subject();
      if (database !== null) {
        await expect(
          database.pool.query("update evidence set sha256 = '' where evidence_id = $1", [
            evidence.evidence_id,
          ]),
        ).rejects.toThrow('append-only');
      }
      const ofPlan = {
        ...evidence,
        evidence_id: `ev_plan_${tenantId}`,
        object_key: `evidence/plan-${tenantId}.json`,
        investigation_id: null,
        plan_id: `pl_${tenantId}`,
      };
      await store().transaction(async (tx) => {
        await tx.insertEvidence(ofPlan);
        await tx.appendAudit(nextAudit(tenantId, 'evidence.added'));
      });
      expect(await store().read.evidenceById(ofPlan.evidence_id)).toEqual(ofPlan);
      const orphan = { ...evidence, evidence_id: 'ev_orphan', investigation_id: null };
      await expect(store().transaction((tx) => tx.insertEvidence(orphan))).rejects.toMatchObject({
        code: 'precondition_failed',
      });
    });
  });
}

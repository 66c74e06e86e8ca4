import { testPlan } from '@carapulse/approval/testing';
import type { Actor } from '@carapulse/kernel';
import type { ExecutionStatus, Plan } from '@carapulse/plan';
import type { Steering } from '@carapulse/workflows';
import type { OperationContext } from '../operation.ts';
import type { StepRecord } from '../ports/index.ts';
import { createHarness, type Harness } from './harness.ts';

/** What a paused run of `testPlan` tells that lets everything be done with its one step. */
export const TOLD: Steering = {
  held: { kind: 'paused', by: 'user:alice', reason: 'look', at_ms: 1000 },
  stopping: false,
  undecided: [],
  steps: [{ step_id: 'write', phase: 'failed', attempt: 1, retry: null, skip: null }],
  skippable_checks: [],
  skipped: [],
  deadline_ms: null,
};

interface SteeredRun {
  readonly harness: Harness;
  readonly plan: Plan;
  readonly id: string;
  /** A context of somebody who may steer. */
  as(who?: { readonly kind?: Actor['kind']; readonly tenant_id?: string }): OperationContext;
}

/** An execution with that status, which has told `steering`, and the row of its step. */
export async function steeredRun(
  status: ExecutionStatus,
  steering: Steering | null = null,
  row: Partial<StepRecord> | null = null,
): Promise<SteeredRun> {
  const harness = createHarness();
  const plan = testPlan({ context: { tenant_id: 'acme', environment: 'staging' } });
  await harness.storePlan(plan, status === 'parked' || status === 'taken_over' ? 'parked' : 'executing');
  const ended = ['succeeded', 'succeeded_with_skips', 'failed', 'rolled_back', 'cancelled', 'held'];
  const { execution_id: id } = await harness.queue(plan, {
    status,
    steering,
    started_at: status === 'queued' ? null : new Date(harness.nowMs).toISOString(),
    ended_at: ended.includes(status) ? new Date(harness.nowMs).toISOString() : null,
  });
  if (row !== null) {
    await harness.store.transaction((tx) =>
      tx.upsertStep({
        execution_id: id,
        step_id: 'write',
        status: 'failed',
        attempts: 1,
        started_at: null,
        ended_at: null,
        detail: '',
        evidence_id: null,
        retry_at: null,
        ...row,
      }),
    );
  }
  return { harness, plan, id, as: (who = {}) => harness.as({ id: 'user:bob', ...who }) };
}

import { testPlan } from '@carapulse/approval/testing';
import type { ExecutionStatus } from '@carapulse/plan';
import { ResolveUnknown } from '@carapulse/workflows';
import { describe, expect, it } from 'vitest';
import { invoke } from '../operation.ts';
import { createHarness } from '../testing/index.ts';
import { resolveStep } from './control-execution.ts';

async function setUp(status: ExecutionStatus, begun: boolean) {
  const harness = createHarness();
  const plan = testPlan();
  const [step] = plan.steps;
  if (step === undefined) throw new Error('The plan has no step.');
  await harness.storePlan(plan, 'executing');
  const { execution_id } = await harness.queue(plan, { status });
  const row = {
    execution_id,
    step_id: step.step_id,
    status: 'outcome_unknown' as const,
    attempts: 1,
    started_at: null,
    ended_at: null,
    detail: '',
    evidence_id: null,
  };
  if (begun) await harness.store.transaction((tx) => tx.upsertStep(row));
  const resolve = (step_id: string) =>
    invoke(resolveStep, harness.as({ id: 'user:bob' }), {
      execution_id,
      step_id,
      outcome: 'done',
      reason: 'I looked',
    });
  return { harness, resolve, stepId: step.step_id };
}

describe('resolve-step', () => {
  it('tells a parked run what a person says of its step, audited', async () => {
    const { harness, resolve, stepId } = await setUp('parked', true);
    await resolve(stepId);
    expect(harness.signals).toMatchObject([
      { name: 'resolve_unknown', payload: { step_id: stepId, outcome: 'done', by: 'user:bob' } },
    ]);
    expect(ResolveUnknown.parse(harness.signals[0]?.payload)).toEqual({ step_id: stepId, outcome: 'done' });
    expect((await harness.audit()).map((each) => each.action)).toEqual(['execution.resolve']);
  });

  it.each([
    ['a step that the plan does not have', 'parked', true, 'no-such', 'not_found'],
    ['a run that is not parked', 'running', true, null, 'conflict'],
    ['a step that has not begun', 'parked', false, null, 'conflict'],
  ] as const)('refuses %s and tells the run nothing', async (_what, status, begun, other, code) => {
    const { harness, resolve, stepId } = await setUp(status, begun);
    await expect(resolve(other ?? stepId)).rejects.toMatchObject({ code });
    expect(harness.signals).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import { testPlan, TEST_IDS } from '@carapulse/approval/testing';
import { invoke } from '../operation.ts';
import { createHarness } from '../testing/index.ts';
import { getExecution } from './get-execution.ts';

async function setUp() {
  const harness = createHarness();
  const executions = [];
  for (const plan of [testPlan(), testPlan({ plan_id: TEST_IDS.otherPlan })]) {
    await harness.storePlan(plan, 'executing');
    executions.push(await harness.queue(plan, { status: 'running' }));
  }
  const get = (execution_id: string, tenant_id = 'acme') =>
    invoke(getExecution, harness.as({ id: 'user:bob', tenant_id }), { execution_id });
  return { harness, executions, get };
}

describe('get-execution', () => {
  it('shows a run with its own steps, verdicts and evidence, and leaves no trace', async () => {
    const { harness, executions, get } = await setUp();
    for (const { execution_id, queued_at: at } of executions) {
      await harness.store.transaction(async (tx) => {
        await tx.upsertStep({
          execution_id,
          step_id: 'write',
          status: 'running',
          attempts: 1,
          started_at: at,
          ended_at: null,
          detail: '',
          evidence_id: null,
          retry_at: null,
        });
        await tx.insertCheck({
          execution_id,
          check_id: 'works',
          step_id: null,
          phase: 'before',
          verdict: 'failed',
          at,
          detail: '',
          evidence_id: null,
        });
        await tx.insertEvidence({
          evidence_id: `evidence of ${execution_id}`,
          tenant_id: 'acme',
          execution_id,
          investigation_id: null,
          plan_id: null,
          kind: 'tool_output',
          source: { tool: 'note', action: 'write', target: 'note:word' },
          object_key: execution_id,
          sha256: 'f'.repeat(64),
          bytes: 2,
          collected_at: at,
        });
      });
    }
    const [first] = executions;
    const id = first?.execution_id ?? '';
    expect(await get(id)).toMatchObject({
      execution: first,
      steps: [{ execution_id: id, step_id: 'write' }],
      checks: [{ execution_id: id, verdict: 'failed' }],
      evidence: [{ execution_id: id }],
    });
    expect(await harness.audit()).toEqual([]);
  });

  it('refuses an unknown run and one of another tenant', async () => {
    const { harness, executions, get } = await setUp();
    const id = executions[0]?.execution_id ?? '';
    for (const call of [() => get(TEST_IDS.otherExecution), () => get(id, 'other')])
      expect(await harness.refusal(call)).toMatchObject({ code: 'not_found', audited: [] });
  });
});

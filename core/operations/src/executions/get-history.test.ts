import { describe, expect, it } from 'vitest';
import { testPlan, TEST_IDS } from '@carapulse/approval/testing';
import type { RunHistory } from '@carapulse/workflows';
import { invoke } from '../operation.ts';
import { createHarness } from '../testing/index.ts';
import { getHistory } from './get-history.ts';

async function setUp() {
  const harness = createHarness();
  const plan = testPlan();
  await harness.storePlan(plan, 'executing');
  const { execution_id } = await harness.queue(plan, { status: 'running' });
  const get = (id: string, tenant_id = 'acme') =>
    invoke(getHistory, harness.as({ id: 'user:bob', tenant_id }), { execution_id: id });
  return { harness, execution_id, get };
}

describe('get-history', () => {
  it('gives what the engine has of the run, and leaves no trace', async () => {
    const { harness, execution_id, get } = await setUp();
    const history: RunHistory = {
      format: 1,
      engine: 'temporal',
      run_id: execution_id,
      history: { events: [{ eventId: '1' }] },
    };
    harness.histories.set(execution_id, history);
    expect(await get(execution_id)).toEqual(history);
    expect(await harness.audit()).toEqual([]);
  });

  it('refuses a run without a history, an unknown one and one of another tenant', async () => {
    const { harness, execution_id, get } = await setUp();
    expect(await harness.refusal(() => get(execution_id))).toMatchObject({ code: 'not_found', audited: [] });
    harness.histories.set(execution_id, {
      format: 1,
      engine: 'temporal',
      run_id: execution_id,
      history: { events: [{ eventId: '1' }] },
    });
    for (const call of [() => get(TEST_IDS.otherExecution), () => get(execution_id, 'other')])
      expect(await harness.refusal(call)).toMatchObject({ code: 'not_found', audited: [] });
  });
});

import { describe, expect, it } from 'vitest';
import { testPlan } from '@carapulse/approval/testing';
import { invoke } from '../operation.ts';
import { createHarness } from '../testing/index.ts';
import { listExecutions } from './list-executions.ts';

async function setUp() {
  const harness = createHarness();
  const ids: string[] = [];
  for (const digit of [1, 2, 3]) {
    const plan = testPlan({ plan_id: `pl_${String(digit).repeat(26)}` });
    await harness.storePlan(plan, 'approved');
    ids.unshift((await harness.queue(plan)).execution_id);
  }
  const list = async (input: object, tenant_id = 'acme') => {
    const page = await invoke(listExecutions, harness.as({ id: 'user:bob', tenant_id }), input);
    return { ids: page.items.map(({ execution_id }) => execution_id), next: page.next };
  };
  return { harness, ids, list };
}

describe('list-executions', () => {
  it('gives all, newest first', async () => {
    const { ids, list } = await setUp();
    expect(await list({})).toEqual({ ids, next: null });
  });

  it('goes on where the former page ended, until there are no more', async () => {
    const { ids, list } = await setUp();
    const first = await list({ limit: 2 });
    expect(first).toEqual({ ids: ids.slice(0, 2), next: ids[1] });
    expect(await list({ limit: 2, after: first.next })).toEqual({ ids: ids.slice(2), next: null });
  });

  it("shows nothing of another tenant's", async () => {
    expect((await (await setUp()).list({}, 'other')).ids).toEqual([]);
  });

  it.each([{ limit: 0 }, { limit: 201 }, { status: 'running' }])('refuses %o', async (input) => {
    const { harness, list } = await setUp();
    expect(await harness.refusal(() => list(input))).toMatchObject({ code: 'invalid_input' });
  });
});

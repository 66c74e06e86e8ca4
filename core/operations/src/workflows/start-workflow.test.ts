import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '@carapulse/kernel';
import { COMMIT, lenientCatalogue, PREVIEW, PROFILE } from '@carapulse/planning/testing';
import { invoke } from '../operation.ts';
import { createHarness, NEEDS_APPROVAL } from '../testing/index.ts';
import { startWorkflow } from './start-workflow.ts';

/** The tools of `revert-commit`, with the fixture's facts and without its schemas. */
const catalogue = lenientCatalogue(
  ({ tool, action }) => `${tool}.${action === 'revert' ? 'revert' : 'preview'}`,
);

function setUp(preview: JsonValue = { ...PREVIEW, base_revision: 'r0', expected_commit: 'r1' }) {
  const harness = createHarness({}, { catalogue, profiles: { checkout: PROFILE } });
  harness.answer = () => preview;
  const start = (change: JsonObject = {}, input: JsonObject = {}) =>
    invoke(startWorkflow, harness.as({ id: 'user:bob' }), {
      name: 'revert-commit',
      reason: 'it broke checkout',
      input: { repository: 'shop', commit: COMMIT, service: 'checkout', ...input },
      ...change,
    });
  return { harness, start };
}

describe('start-workflow', () => {
  it('answers with a plan that waits, audited, and changes nothing', async () => {
    const { harness, start } = setUp();
    const record = await start();
    expect(await harness.store.read.plan('acme', record.plan.plan_id)).toEqual(record);
    expect(record).toMatchObject({
      status: 'awaiting_approval',
      plan: {
        created_by: 'user:bob',
        incident_id: null,
        trigger: { kind: 'workflow', ref: 'revert-commit' },
        origin: { planner: 'workflow', name: 'revert-commit' },
        context: { tenant_id: 'acme', environment: 'production' },
        blast_radius: { kind: 'known', dependents: ['storefront'] },
      },
    });
    expect(record.plan.origin.because[0]).toBe('user:bob: it broke checkout');
    expect(harness.calls).toMatchObject([
      { tool: 'git', action: 'revert_preview', envelope: null, planId: record.plan.plan_id },
    ]);
    expect(harness.started).toEqual([]);
    expect(await harness.audit()).toMatchObject([
      {
        action: 'plan.create',
        actor: { id: 'user:bob' },
        subject: { kind: 'plan', id: record.plan.plan_id },
        details: { plan_hash: record.plan.plan_hash, origin: 'revert-commit' },
      },
    ]);
  });

  it('queues nothing even where policy asks for no approval: a person starts what a person asked for', async () => {
    const { harness, start } = setUp();
    harness.decision = { ...NEEDS_APPROVAL, decision: 'allow' };
    expect(await start()).toMatchObject({ status: 'approved' });
    expect(await harness.store.read.pendingDispatches(10)).toEqual([]);
  });

  it('says what was read when the world allows no such plan', async () => {
    const { harness, start } = setUp({ kind: 'refused', detail: 'it is a merge' });
    const refusal = await harness.refusal(() => start());
    expect(refusal).toMatchObject({ code: 'precondition_failed', audited: [] });
    await expect(start()).rejects.toThrow(
      'Workflow revert-commit makes no plan now: the commit cannot be reverted by itself: it is a merge.',
    );
  });

  it.each<[string, JsonObject, JsonObject, string, readonly string[]]>([
    ['a field that is not known', {}, { comit: 'x' }, 'invalid_input', ['/input/comit']],
    ['a value that does not fit', {}, { commit: 'HEAD' }, 'invalid_input', ['/input/commit']],
    ['a workflow that there is not', { name: 'gone' }, {}, 'not_found', []],
    ['no reason', { reason: '' }, {}, 'invalid_input', ['/reason']],
  ])('refuses %s, naming the place', async (_, change, input, code, pointers) => {
    const { harness, start } = setUp();
    expect(await harness.refusal(() => start(change, input))).toMatchObject({ code, audited: [] });
    const error = await start(change, input).catch((thrown: { errors: { pointer: string }[] }) => thrown);
    expect((error as { errors: { pointer: string }[] }).errors.map(({ pointer }) => pointer)).toEqual(
      pointers,
    );
    expect(harness.calls).toEqual([]);
  });
});

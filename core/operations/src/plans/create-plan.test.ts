import { describe, expect, it } from 'vitest';
import type { Investigation } from '@carapulse/incident';
import type { JsonValue } from '@carapulse/kernel';
import { ALERT, CATALOGUE, DOCUMENT, FINDING, PREVIEW, PROFILE } from '@carapulse/planning/testing';
import { TEST_IDS } from '@carapulse/approval/testing';
import { queuedInvestigation } from '../incidents/queued-investigation.ts';
import { invoke } from '../operation.ts';
import { createHarness, NEEDS_APPROVAL } from '../testing/index.ts';
import { createPlan } from './create-plan.ts';

interface Given {
  readonly investigated?: Partial<Investigation> | null;
  readonly firing?: boolean;
  readonly preview?: JsonValue;
  readonly enabled?: boolean;
}

const CONCLUDED: Partial<Investigation> = {
  status: 'concluded',
  ended_at: '2026-01-10T11:30:00.000Z',
  findings: [FINDING],
};

async function setUp({
  investigated = CONCLUDED,
  firing = true,
  preview = PREVIEW,
  enabled = true,
}: Given = {}) {
  const harness = createHarness({}, { catalogue: CATALOGUE, profiles: { checkout: PROFILE } });
  harness.answer = () => preview;
  const context = { tenant_id: 'acme', environment: 'staging' };
  const incident = await harness.storeIncident({ service: 'checkout', context });
  const { incident_id } = incident;
  await harness.store.transaction(async (tx) => {
    await tx.upsertAlert({
      ...ALERT,
      tenant_id: 'acme',
      incident_id,
      status: firing ? 'firing' : 'resolved',
    });
    if (investigated !== null)
      await tx.insertInvestigation({
        ...queuedInvestigation(harness.services, incident_id, 'acme'),
        ...investigated,
      });
    for (const name of ['take-back', 'other'])
      await tx.upsertPlaybook({
        name,
        tenant_id: 'acme',
        digest: 'sha256:0',
        source: `${name}.yaml`,
        document: { ...DOCUMENT, name },
        enabled,
        updated_at: incident.opened_at,
      });
  });
  const create = (change: object = {}, tenant_id = 'acme') =>
    invoke(createPlan, harness.as({ id: 'user:bob', tenant_id }), {
      playbook: 'take-back',
      incident_id,
      ...change,
    });
  return { harness, incident, create };
}

describe('create-plan', () => {
  it('makes the plan of the playbook that a person has chosen, audited with what policy decided', async () => {
    const { harness, incident, create } = await setUp();
    const record = await create();
    expect(await harness.store.read.plan('acme', record.plan.plan_id)).toEqual(record);
    expect(record).toMatchObject({
      status: 'awaiting_approval',
      plan: {
        created_by: 'user:bob',
        trigger: { kind: 'manual', ref: incident.incident_id },
        incident_id: incident.incident_id,
        context: { environment: 'staging' },
        origin: { planner: 'playbook', name: 'take-back' },
        steps: [{ step_id: 'look' }, { step_id: 'revert', call: { input: PREVIEW.forward } }],
      },
    });
    expect(await harness.audit()).toMatchObject([
      {
        action: 'plan.create',
        actor: { id: 'user:bob' },
        subject: { kind: 'plan', id: record.plan.plan_id },
        decision: { decision: 'require_approval' },
        outcome: { result: 'ok' },
        details: { plan_hash: record.plan.plan_hash, origin: 'take-back', incident_id: incident.incident_id },
      },
    ]);
    expect(harness.calls).toMatchObject([{ tool: 'git', action: 'preview', envelope: null }]);
  });

  it('keeps a plan that policy denies, and queues none that it allows: a person made it and starts it', async () => {
    for (const [decision, status] of [
      ['deny', 'policy_denied'],
      ['allow', 'approved'],
    ] as const) {
      const { harness, create } = await setUp();
      harness.decision = { ...NEEDS_APPROVAL, decision };
      expect(await create()).toMatchObject({ status });
      expect(await harness.store.read.pendingDispatches(10)).toEqual([]);
    }
  });

  it('goes by the last investigation that has ended', async () => {
    const { harness, incident, create } = await setUp();
    await harness.store.transaction((tx) =>
      tx.insertInvestigation(queuedInvestigation(harness.services, incident.incident_id, 'acme')),
    );
    expect(await create()).toMatchObject({ status: 'awaiting_approval' });
    await harness.store.transaction((tx) =>
      tx.insertInvestigation({
        ...queuedInvestigation(harness.services, incident.incident_id, 'acme'),
        status: 'abstained',
        ended_at: '2026-01-10T11:45:00.000Z',
      }),
    );
    expect(await harness.refusal(() => create())).toMatchObject({ code: 'precondition_failed' });
  });

  it.each<[string, Given]>([
    ['was never investigated', { investigated: null }],
    ['is still being investigated', { investigated: { status: 'running' } }],
    ['has no cause that the playbook repairs', { investigated: { ...CONCLUDED, findings: [] } }],
    ['fires no more', { firing: false }],
    ['cannot be repaired so by what was read', { preview: { ...PREVIEW, kind: 'conflict' } }],
  ])('refuses a playbook for an incident that %s', async (_, given) => {
    const { harness, create } = await setUp(given);
    expect(await harness.refusal(() => create())).toMatchObject({ code: 'precondition_failed', audited: [] });
  });

  it.each<[string, object, string, string]>([
    ['an unknown incident', { incident_id: `inc_${'1'.repeat(26)}` }, 'acme', 'not_found'],
    ["another tenant's incident", {}, 'other', 'not_found'],
    ['an unknown playbook', { playbook: 'gone' }, 'acme', 'not_found'],
    ['no playbook', { playbook: '' }, 'acme', 'invalid_input'],
    ['an id of something else', { incident_id: TEST_IDS.plan }, 'acme', 'invalid_input'],
  ])('refuses %s', async (_, change, tenant, code) => {
    const { harness, create } = await setUp();
    expect(await harness.refusal(() => create(change, tenant))).toMatchObject({ code, audited: [] });
  });

  it('refuses a playbook that is switched off', async () => {
    const { harness, create } = await setUp({ enabled: false });
    expect(await harness.refusal(() => create())).toMatchObject({ code: 'not_found' });
  });

  it('stores nothing when policy cannot be asked', async () => {
    const { harness, create } = await setUp();
    harness.onDecide = () => {
      throw new Error('policy is down');
    };
    expect(await harness.refusal(() => create())).toMatchObject({ code: 'internal' });
  });
});

import { describe, expect, it } from 'vitest';
import { testPlan, TEST_IDS } from '@carapulse/approval/testing';
import type { Incident, IncidentStatus, Investigation } from '@carapulse/incident';
import type { PlanStatus } from '@carapulse/plan';
import { invoke } from '../operation.ts';
import { createHarness } from '../testing/index.ts';
import { closeIncident, investigateIncident } from './change-incident.ts';
import { queuedInvestigation } from './queued-investigation.ts';

const OTHER = `inc_${'1'.repeat(26)}`;

async function setUp(status: IncidentStatus = 'identified') {
  const harness = createHarness();
  const context: Incident['context'] = { tenant_id: 'acme', environment: 'staging' };
  const incident = await harness.storeIncident({ status, context });
  const { incident_id } = incident;
  const input = { incident_id, reason: 'seen to' };
  const as = (tenant_id: string) => harness.as({ id: 'user:bob', tenant_id });
  const close = (change: object = {}, tenant = 'acme') =>
    invoke(closeIncident, as(tenant), { ...input, ...change });
  const investigate = (change: object = {}, tenant = 'acme') =>
    invoke(investigateIncident, as(tenant), { ...input, ...change });
  const investigation = (state: Investigation['status']) =>
    harness.store.transaction((tx) =>
      tx.insertInvestigation({
        ...queuedInvestigation(harness.services, incident_id, 'acme'),
        status: state,
      }),
    );
  const trail = (action: string) => ({
    action,
    actor: { id: 'user:bob' },
    subject: { kind: 'incident', id: incident_id },
    context: { environment: 'staging' },
    outcome: { result: 'ok' },
    details: { reason: 'seen to' },
  });
  return { harness, incident, close, investigate, investigation, trail };
}

const BAD_CALLS: ReadonlyArray<[string, object, string, string]> = [
  ['an unknown incident', { incident_id: OTHER }, 'acme', 'not_found'],
  ["another tenant's incident", {}, 'other', 'not_found'],
  ['no reason', { reason: '' }, 'acme', 'invalid_input'],
  ['an id of something else', { incident_id: TEST_IDS.plan }, 'acme', 'invalid_input'],
];

describe('close-incident', () => {
  it.each(['open', 'investigating', 'identified', 'mitigating', 'resolved'] as const)(
    'closes an incident that is %s, audited',
    async (status) => {
      const { harness, incident, close, trail } = await setUp(status);
      expect(await close()).toMatchObject({ incident: { status: 'closed', revision: 2 } });
      expect(await harness.store.read.incident('acme', incident.incident_id)).toEqual({
        ...incident,
        status: 'closed',
        updated_at: new Date(harness.nowMs).toISOString(),
        revision: 2,
      });
      expect(await harness.audit()).toMatchObject([trail('incident.close')]);
      expect(await harness.store.read.events('acme', 0, 10)).toMatchObject([
        { type: 'incident.updated', subject_id: incident.incident_id, data: { status: 'closed' } },
      ]);
    },
  );

  it.each([
    ['awaiting_approval', 'held'],
    ['approved', 'held'],
    ['executing', 'executing'],
    ['parked', 'parked'],
    ['succeeded', 'succeeded'],
    ['cancelled', 'cancelled'],
  ] satisfies ReadonlyArray<[PlanStatus, PlanStatus]>)(
    'leaves a plan of it that was %s %s: nobody would hold it any more when the alerts resolve',
    async (before, after) => {
      const { harness, incident, close } = await setUp();
      const plan = testPlan({ incident_id: incident.incident_id });
      const another = testPlan({ plan_id: TEST_IDS.otherPlan, incident_id: OTHER });
      await harness.storePlan(plan, before);
      await harness.storePlan(another, before);
      await close();
      const statusOf = async (id: string) => (await harness.store.read.plan('acme', id))?.status;
      expect(await statusOf(plan.plan_id)).toBe(after);
      expect(await statusOf(another.plan_id)).toBe(before);
    },
  );

  it.each(BAD_CALLS)('refuses %s', async (_, change, tenant, code) => {
    const { harness, close } = await setUp();
    expect(await harness.refusal(() => close(change, tenant))).toMatchObject({ code, audited: [] });
  });

  it('refuses to close twice', async () => {
    const { harness, close } = await setUp();
    await close();
    expect(await harness.refusal(() => close())).toMatchObject({ code: 'forbidden_transition', audited: [] });
  });
});

describe('investigate-incident', () => {
  it('queues the first investigation, or another one after those that ended, audited', async () => {
    const { harness, incident, investigate, investigation, trail } = await setUp('resolved');
    for (const ended of ['concluded', 'abstained', 'failed'] as const) await investigation(ended);
    const { investigations, incident: after } = await investigate();
    expect(investigations.map(({ status }) => status)).toEqual([
      'concluded',
      'abstained',
      'failed',
      'queued',
    ]);
    expect(await harness.store.read.queuedInvestigations(10)).toMatchObject([
      { incident_id: incident.incident_id, tenant_id: 'acme', plan_id: null, ended_at: null },
    ]);
    expect(after.status).toBe('resolved');
    expect(await harness.audit()).toMatchObject([trail('incident.investigate')]);
    expect(await harness.store.read.events('acme', 0, 10)).toMatchObject([
      { type: 'incident.updated', subject_id: incident.incident_id },
    ]);
  });

  it.each(['queued', 'running'] as const)('refuses while one is %s', async (state) => {
    const { harness, investigate, investigation } = await setUp();
    await investigation(state);
    expect(await harness.refusal(() => investigate())).toMatchObject({ code: 'conflict', audited: [] });
  });

  it('refuses a second one at once', async () => {
    const { harness, investigate } = await setUp();
    await investigate();
    expect(await harness.refusal(() => investigate())).toMatchObject({ code: 'conflict' });
  });

  it("raises the incident's revision, so that a database that runs two at once refuses one of them", async () => {
    const { investigate, incident } = await setUp();
    expect((await investigate()).incident.revision).toBe(incident.revision + 1);
  });

  it('refuses a closed incident', async () => {
    const { harness, investigate } = await setUp('closed');
    expect(await harness.refusal(() => investigate())).toMatchObject({ code: 'conflict', audited: [] });
  });

  it.each(BAD_CALLS)('refuses %s', async (_, change, tenant, code) => {
    const { harness, investigate } = await setUp();
    expect(await harness.refusal(() => investigate(change, tenant))).toMatchObject({ code, audited: [] });
  });
});

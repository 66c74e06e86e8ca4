import { describe, expect, it } from 'vitest';
import { ALERT } from '@carapulse/planning/testing';
import { invoke } from '../operation.ts';
import { createHarness } from '../testing/index.ts';
import { getIncident } from './get-incident.ts';
import { queuedInvestigation } from './queued-investigation.ts';

const OTHER = `inc_${'1'.repeat(26)}`;

describe('get-incident', () => {
  it('shows an incident with its own alerts, investigations and evidence, and leaves no trace', async () => {
    const harness = createHarness();
    const incident = await harness.storeIncident();
    await harness.storeIncident({ incident_id: OTHER, group_key: 'other' });
    const collected_at = incident.opened_at;
    for (const incident_id of [incident.incident_id, OTHER]) {
      const investigation = queuedInvestigation(harness.services, incident_id, 'acme');
      const { investigation_id } = investigation;
      await harness.store.transaction(async (tx) => {
        await tx.upsertAlert({ ...ALERT, tenant_id: 'acme', incident_id });
        await tx.insertInvestigation(investigation);
        await tx.insertEvidence({
          evidence_id: `evidence of ${investigation_id}`,
          tenant_id: 'acme',
          execution_id: null,
          plan_id: null,
          investigation_id,
          kind: 'http_probe',
          source: { tool: 'http', action: 'probe', target: 'shop' },
          object_key: investigation_id,
          sha256: 'f'.repeat(64),
          bytes: 2,
          collected_at,
        });
      });
    }
    const detail = await invoke(getIncident, harness.as({ id: 'user:bob' }), {
      incident_id: incident.incident_id,
    });
    expect(detail.incident).toEqual(incident);
    expect(detail.alerts).toMatchObject([{ incident_id: incident.incident_id }]);
    expect(detail.investigations).toMatchObject([{ incident_id: incident.incident_id }]);
    expect(detail.evidence).toMatchObject([
      { investigation_id: detail.investigations[0]?.investigation_id ?? 'none' },
    ]);
    expect(await harness.audit()).toEqual([]);
  });

  it.each([
    ['an unknown incident', OTHER, 'acme', 'not_found'],
    ["another tenant's", `inc_${'0'.repeat(26)}`, 'other', 'not_found'],
    ['what is no id', 'inc_1', 'acme', 'invalid_input'],
  ])('refuses %s', async (_, incident_id, tenant_id, code) => {
    const harness = createHarness();
    await harness.storeIncident();
    const get = () => invoke(getIncident, harness.as({ id: 'user:bob', tenant_id }), { incident_id });
    expect(await harness.refusal(get)).toMatchObject({ code, audited: [] });
  });
});

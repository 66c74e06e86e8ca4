import { describe, expect, it } from 'vitest';
import { testPlan } from '@carapulse/approval/testing';
import type { IncidentStatus } from '@carapulse/incident';
import type { PlanDraft } from '@carapulse/plan';
import { commitAudited } from '../operation.ts';
import { createHarness, NEEDS_APPROVAL } from '../testing/index.ts';
import { proposePlan } from './propose-plan.ts';

async function propose(
  decision: 'allow' | 'deny' | 'require_approval',
  trigger: 'alert' | 'manual',
  incident: IncidentStatus = 'identified',
) {
  const harness = createHarness();
  harness.decision = { ...NEEDS_APPROVAL, decision };
  const { incident_id } = await harness.storeIncident({ status: incident });
  const {
    plan_hash: _hash,
    policy: _policy,
    ...draft
  } = testPlan({
    incident_id,
    trigger: { kind: trigger, ref: null },
  });
  const context = harness.as({ id: 'user:requester' });
  const record = await proposePlan(context, { draft: draft satisfies PlanDraft, breakGlass: null }, (work) =>
    commitAudited(context, work),
  );
  const stored = await harness.store.read.plan('acme', record.plan.plan_id);
  const queued = await harness.store.read.pendingDispatches(10);
  return { harness, record, stored, queued: queued.length };
}

describe('propose-plan', () => {
  it.each([
    ['deny', 'alert', 'identified', 'policy_denied', 0],
    ['require_approval', 'alert', 'identified', 'awaiting_approval', 0],
    ['allow', 'alert', 'identified', 'approved', 1],
    ['allow', 'manual', 'identified', 'approved', 0],
    ['allow', 'alert', 'resolved', 'held', 0],
    ['require_approval', 'alert', 'resolved', 'held', 0],
    ['deny', 'alert', 'resolved', 'policy_denied', 0],
    ['require_approval', 'manual', 'resolved', 'awaiting_approval', 0],
  ] as const)(
    'policy says %s to %s, incident %s: %s, %i queued',
    async (decision, trigger, incident, status, runs) => {
      const { record, stored, queued, harness } = await propose(decision, trigger, incident);
      expect(stored).toEqual(record);
      expect(record.status).toBe(status);
      expect(queued).toBe(runs);
      expect(await harness.audit()).toMatchObject([{ action: 'plan.create', decision: { decision } }]);
    },
  );
});

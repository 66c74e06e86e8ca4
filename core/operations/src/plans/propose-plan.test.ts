import { describe, expect, it } from 'vitest';
import { testPlan } from '@carapulse/approval/testing';
import type { IncidentStatus } from '@carapulse/incident';
import type { PlanDraft } from '@carapulse/plan';
import type { Constraint } from '@carapulse/policy';
import { commitAudited } from '../operation.ts';
import { createHarness, NEEDS_APPROVAL } from '../testing/index.ts';
import { proposePlan } from './propose-plan.ts';

async function propose(
  decision: 'allow' | 'deny' | 'require_approval',
  trigger: 'alert' | 'manual',
  incident: IncidentStatus = 'identified',
  constraints: Constraint[] = [],
) {
  const harness = createHarness();
  harness.decision = { ...NEEDS_APPROVAL, decision, constraints };
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
  it('denies a plan that breaks a bound of the decision, before anybody is asked to approve it', async () => {
    const bounds: ReadonlyArray<[Constraint, string]> = [
      [{ kind: 'max_run_time', max_ms: 1 }, 'policy_denied'],
      [{ kind: 'max_write_steps', max: 0 }, 'policy_denied'],
      [{ kind: 'max_write_steps', max: 9 }, 'awaiting_approval'],
      // May open later; it is held to when the write comes.
      [
        { kind: 'window', not_before: '2036-01-01T00:00:00Z', not_after: '2036-01-02T00:00:00Z' },
        'awaiting_approval',
      ],
    ];
    for (const [constraint, status] of bounds) {
      const { record } = await propose('require_approval', 'manual', 'identified', [constraint]);
      expect(record.status, constraint.kind).toBe(status);
      if (status === 'policy_denied') expect(record.status_reason).not.toBe('Writes need an approval.');
    }
  });

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

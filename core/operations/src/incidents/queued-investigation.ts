import type { Investigation } from '@carapulse/incident';
import { newId, toTimestamp } from '@carapulse/kernel';
import type { Services } from '../services.ts';

/** An investigation that nobody has taken yet. */
export function queuedInvestigation(
  services: Pick<Services, 'clock' | 'random'>,
  incidentId: string,
  tenantId: string,
): Investigation {
  return {
    investigation_id: newId('investigation', services.clock, services.random),
    incident_id: incidentId,
    tenant_id: tenantId,
    status: 'queued',
    findings: [],
    excluded: [],
    missing: [],
    matched: [],
    plan_id: null,
    conclusion: '',
    queued_at: toTimestamp(services.clock.nowMs()),
    started_at: null,
    ended_at: null,
  };
}

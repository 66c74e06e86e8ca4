import type { Config } from '@carapulse/configuration';
import type { ServiceProfiles } from '@carapulse/diagnosis';
import type { Services } from '@carapulse/operations';

/** What operations read of the configuration. */
export function operationSettings({
  context,
  policy,
  orchestrator,
  scheduler,
  approvals,
}: Config): Services['settings'] {
  return {
    tenantId: context.tenant_id,
    environment: context.environment,
    stage: policy.stage,
    automatedWritesPerServiceHour: orchestrator.automated_writes_per_service_hour,
    maxConcurrentInvestigations: orchestrator.max_concurrent_investigations,
    maxConcurrentFirings: scheduler.max_concurrent_firings,
    leaseMs: orchestrator.lease_ms,
    approvalTtlMs: approvals.ttl_ms,
  };
}

/** What we know of a service ourselves outweighs the labels, which anybody who can post an alert chooses. */
export function incidentSettings(
  { incidents, context }: Config,
  profiles: ServiceProfiles,
): Services['incidents'] {
  const known = Object.entries(profiles).map(([name, profile]) => [
    name,
    { environment: context.environment, ...profile.context },
  ]);
  return { ...incidents, service_context: { ...Object.fromEntries(known), ...incidents.service_context } };
}

import type { Actor } from '@carapulse/kernel';
import type { OperationContext } from './operation.ts';
import type { Services } from './services.ts';
import { newId } from '@carapulse/kernel';

/** One of our own processes as an actor: may do what an operator may, and is never counted as an approver. */
function serviceActor(
  name: 'investigator' | 'orchestrator' | 'dispatcher' | 'scheduler',
  tenantId: string,
): Actor {
  return {
    id: `service:${name}`,
    kind: 'service',
    tenant_id: tenantId,
    roles: ['operator'],
    groups: [],
    assurance: 'service',
  };
}

/** A context in which one of our own processes acts. */
export function serviceContext(
  services: Services,
  name: Parameters<typeof serviceActor>[0],
  signal: AbortSignal,
): OperationContext {
  return {
    actor: serviceActor(name, services.settings.tenantId),
    requestId: newId('request', services.clock, services.random),
    signal,
    services,
  };
}

import type { Committed } from '../operation.ts';
import type { StoreTransaction } from '../ports/index.ts';
import type { Services } from '../services.ts';
import { changePlanStatus } from './change-plan-status.ts';

/** Plans of an incident that have not begun wait for a person: their reason has gone away. */
export async function holdPlans(
  tx: StoreTransaction,
  services: Pick<Services, 'clock'>,
  incident: { readonly tenant_id: string; readonly incident_id: string },
  reason: string,
): Promise<Committed<null>['events']> {
  const { items } = await tx.plans(
    incident.tenant_id,
    { incident_id: incident.incident_id, status: ['awaiting_approval', 'approved'] },
    { limit: 200, after: null },
  );
  const events: Array<Committed<null>['events'][number]> = [];
  for (const record of items) events.push(await changePlanStatus(tx, services, record, 'held', reason));
  return events;
}

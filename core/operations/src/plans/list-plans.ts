import { idSchema } from '@carapulse/kernel';
import { PlanStatus } from '@carapulse/plan';
import { z } from 'zod';
import type { ReadOperation } from '../operation.ts';
import { PageInput } from '../page-input.ts';
import type { Page, PlanRecord } from '../ports/index.ts';

const Input = z.strictObject({
  ...PageInput,
  status: z.array(PlanStatus).optional(),
  incident_id: idSchema('incident').optional(),
});

/** Plans, newest first. */
export const listPlans: ReadOperation<z.infer<typeof Input>, Page<PlanRecord>> = {
  kind: 'read',
  name: 'list-plans',
  permission: 'plan.read',
  input: Input,
  run: ({ actor, services }, { limit, after, status, incident_id }) =>
    services.store.read.plans(
      actor.tenant_id,
      { ...(status && { status }), ...(incident_id && { incident_id }) },
      { limit, after },
    ),
};

import { IncidentStatus, type Incident } from '@carapulse/incident';
import { z } from 'zod';
import type { ReadOperation } from '../operation.ts';
import { PageInput } from '../page-input.ts';
import type { Page } from '../ports/index.ts';

const Input = z.strictObject({ ...PageInput, status: z.array(IncidentStatus).nullable().default(null) });

/** Incidents, newest first. */
export const listIncidents: ReadOperation<z.infer<typeof Input>, Page<Incident>> = {
  kind: 'read',
  name: 'list-incidents',
  permission: 'incident.read',
  input: Input,
  run: ({ actor, services }, { limit, after, status }) =>
    services.store.read.incidents(actor.tenant_id, status, { limit, after }),
};

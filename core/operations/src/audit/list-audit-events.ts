import { z } from 'zod';
import type { ReadOperation } from '../operation.ts';
import { PageInput } from '../page-input.ts';
import type { Page, StoredAudit } from '../ports/index.ts';

const exact = z.string().min(1).max(200).optional();
const Input = z.strictObject({ ...PageInput, action: exact, actor_id: exact, subject_id: exact });

/** The audit trail, newest first, by exact filters. */
export const listAuditEvents: ReadOperation<z.infer<typeof Input>, Page<StoredAudit>> = {
  kind: 'read',
  name: 'list-audit-events',
  permission: 'audit.read',
  input: Input,
  run: ({ actor, services }, { limit, after, action, actor_id, subject_id }) =>
    services.store.read.auditSearch(
      actor.tenant_id,
      { ...(action && { action }), ...(actor_id && { actor_id }), ...(subject_id && { subject_id }) },
      { limit, after },
    ),
};

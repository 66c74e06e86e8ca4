import { z } from 'zod';
import type { ReadOperation } from '../operation.ts';
import type { PlaybookRecord } from '../ports/index.ts';

/** All playbooks, by name. */
export const listPlaybooks: ReadOperation<Record<string, never>, readonly PlaybookRecord[]> = {
  kind: 'read',
  name: 'list-playbooks',
  permission: 'playbook.read',
  input: z.strictObject({}),
  run: ({ actor, services }) => services.store.read.playbooks(actor.tenant_id),
};

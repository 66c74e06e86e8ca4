import { WORKFLOWS, type NamedWorkflow } from '@carapulse/planning';
import { z } from 'zod';
import type { ReadOperation } from '../operation.ts';

/** All named workflows, with what each takes. */
export const listWorkflows: ReadOperation<Record<string, never>, readonly NamedWorkflow[]> = {
  kind: 'read',
  name: 'list-workflows',
  permission: 'plan.read',
  input: z.strictObject({}),
  run: () => Promise.resolve(WORKFLOWS),
};

import { z } from 'zod';

const name = z.string().min(1).max(253);

/** Where an operation happens. Threaded through every operation and audit record; absent parts do not apply. */
export const ContextRef = z.strictObject({
  tenant_id: name,
  environment: name,
  cluster_id: name.optional(),
  namespace: name.optional(),
  aws_account_id: name.optional(),
  region: name.optional(),
  argocd_project: name.optional(),
  grafana_org_id: name.optional(),
});
export type ContextRef = z.infer<typeof ContextRef>;
